// A node for programs to attach to: runs `argv[1]` with the path of its socket, and ends as it
// ends.
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>

#include "tests/unit/host/fake_node.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ringroad::host::test::NodeThread node;
  if (node.host == nullptr) return 2;
  char* arguments[] = {argv[1], node.socket.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, argv[1], nullptr, nullptr, arguments, environ) != 0) return 2;
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return 2;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
