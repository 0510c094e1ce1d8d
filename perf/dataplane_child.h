// A dataplane of the benchmark's own: a lone node on a null port, started as a real process beside
// it and ended with it. Its applications' socket lies in a private directory.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace ringroad::perf {

class DataplaneChild {
 public:
  // `cpu_json` is the configuration's "cpu" object. The program is looked for beside this one's
  // folder, as the build lays it out.
  explicit DataplaneChild(const std::string& cpu_json) {
    char directory[] = "/tmp/ringroad-perf-XXXXXX";
    if (mkdtemp(directory) == nullptr) die("mkdtemp");
    directory_ = directory;
    const std::string config = directory_ + "/node.json";
    std::ofstream(config) << R"({"local_node": {"node_id": 1, "bind_address": "10.77.0.1"},
      "cluster_nodes": [], "security": {"tls": {"enabled": false}},
      "ports": [{"kind": "null"}], "cpu": )"
                          << cpu_json << R"(, "host": {"socket": ")" << socket() << "\"}}\n";
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
    const std::string program =
        self.parent_path().parent_path() / "dataplane" / "ringroad-dataplane";
    int log[2];
    if (pipe(log) != 0) die("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      dup2(log[1], STDERR_FILENO);
      close(log[0]);
      execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
      _exit(127);
    }
    close(log[1]);
    FILE* lines = fdopen(log[0], "r");
    char line[512];
    std::string said;
    while (std::fgets(line, sizeof line, lines) != nullptr) {
      said += line;
      if (std::string(line).rfind("ready", 0) == 0) {
        log_ = lines;
        return;
      }
    }
    std::fprintf(stderr, "%s did not start:\n%s", program.c_str(), said.c_str());
    std::exit(1);
  }

  ~DataplaneChild() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    std::fclose(log_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  DataplaneChild(const DataplaneChild&) = delete;
  DataplaneChild& operator=(const DataplaneChild&) = delete;

  std::string socket() const { return directory_ + "/node.sock"; }

 private:
  [[noreturn]] static void die(const char* what) {
    std::perror(what);
    std::exit(1);
  }
  std::string directory_;
  pid_t pid_ = -1;
  FILE* log_ = nullptr;
};

// Keeps the calling thread on one CPU.
inline void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("sched_setaffinity");
}

}  // namespace ringroad::perf
