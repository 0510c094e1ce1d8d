// A program started by a test: its output read line by line against a deadline, its end awaited.
// Whatever happens, it does not outlive its object.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ringroad {

using Clock = std::chrono::steady_clock;

class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> arguments) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(out[1], STDERR_FILENO);
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~ChildProcess() {
    if (is_running()) end(SIGKILL);
    ::close(input_);
    ::close(output_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool is_running() {
    if (pid_ > 0 && !status_.has_value()) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    }
    return pid_ > 0 && !status_.has_value();
  }

  // Sends the signal and waits; the wait status.
  int end(int signal) {
    if (is_running()) {
      ::kill(pid_, signal);
      int status = 0;
      ::waitpid(pid_, &status, 0);
      status_ = status;
    }
    return status_.value_or(-1);
  }

  // Reads on until a line contains `text`; false when the deadline or the end of output comes
  // first.
  bool wait_for(const std::string& text, std::chrono::milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
      for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
        const std::string line = rest_.substr(0, end);
        rest_.erase(0, end + 1);
        seen_ += line + "\n";
        if (line.find(text) != std::string::npos) {
          last_ = line;
          return true;
        }
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd readable{output_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) != 1)
        return false;
      char bytes[4'096];
      const ssize_t size = ::read(output_, bytes, sizeof bytes);
      if (size <= 0) return false;
      rest_.append(bytes, static_cast<std::size_t>(size));
    }
  }

  const std::string& last_line() const { return last_; }  // the one wait_for found
  const std::string& output() const { return seen_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1, output_ = -1;
  std::optional<int> status_;
  std::string rest_, seen_, last_;
};

}  // namespace ringroad
