// Where the CLI writes: standard streams that a caller closed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ringroad/output.h"

namespace ringroad::cli {
namespace {

// In a process of its own, which an alarm ends should a write hang.
int write_with_all_streams_closed() {
  alarm(20);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(stream);
  if (!open_standard_streams()) return 1;
  Interrupts interrupts;
  Output out{STDOUT_FILENO, interrupts};
  out.write("text");
  struct stat null{};
  struct stat stream{};
  if (stat("/dev/null", &null) != 0 || fstat(STDOUT_FILENO, &stream) != 0) return 2;
  return stream.st_rdev == null.st_rdev && !out.is_closed() ? 0 : 3;
}

TEST(StandardStreams, ThatAreClosedLeadNowhereAndHangNobody) {
  const pid_t child = fork();
  if (child == 0) _exit(write_with_all_streams_closed());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StandardStreams, ThatAreOpenStayAsTheyAre) {
  struct stat before{};
  struct stat after{};
  ASSERT_EQ(fstat(STDOUT_FILENO, &before), 0);
  EXPECT_TRUE(open_standard_streams());
  ASSERT_EQ(fstat(STDOUT_FILENO, &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

}  // namespace
}  // namespace ringroad::cli
