// Runs scenario files and says which of them went as they say.
//
//   scenario_runner [--compare all|messages|outcome] [--rewrite] [--tap] [--seconds N]
//                   FILE-or-FOLDER...
//
// Of a folder, all files below it that end in ".txt". Each file runs in a process of its own, for N
// seconds at most (120), so that a broken invariant or an endless loop fails its file alone, with
// the line it was at. The last line is "N passed, N failed"; with --tap each file is a test case.
// Exit code: 0 when all passed, 1 when some did not, 2 for wrong usage.
//
// --rewrite replaces what the files expect by what was found, in place and at once or not at all;
// only what changed. Look at the difference before you believe it.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "scenario.h"

namespace {

namespace fs = std::filesystem;
using ringroad::scenarios::ScenarioOptions;
using ringroad::scenarios::ScenarioResult;

struct Options {
  ScenarioOptions scenario;
  bool tap = false;
  unsigned seconds_max = 120;
  std::vector<std::string> files;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "scenario_runner: %s\n"
               "usage: scenario_runner [--compare all|messages|outcome] [--rewrite] [--tap] "
               "[--seconds N] FILE-or-FOLDER...\n",
               problem.c_str());
  std::exit(2);
}

std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (!fs::is_regular_file(path, error)) usage("there is no file " + path);
    return {path};
  }
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && entry.path().extension() == ".txt") {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

// Of "--name=value" or "--name value"; moves `i` on to what it took last.
std::optional<std::string> value_of(std::string_view name, int argc, char** argv, int& i) {
  const std::string_view argument = argv[i];
  if (argument == name) return i + 1 < argc ? argv[++i] : "";
  if (!argument.starts_with(name) || argument[name.size()] != '=') return std::nullopt;
  return std::string(argument.substr(name.size() + 1));
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--rewrite") {
      options.scenario.rewrite = true;
    } else if (argument == "--tap") {
      options.tap = true;
    } else if (const auto name = value_of("--compare", argc, argv, i)) {
      const auto mode = ringroad::scenarios::compare_mode(*name);
      if (!mode) usage("--compare takes all, messages or outcome");
      options.scenario.compare = *mode;
    } else if (const auto seconds = value_of("--seconds", argc, argv, i)) {
      options.seconds_max = static_cast<unsigned>(std::max(0, std::atoi(seconds->c_str())));
      if (options.seconds_max == 0) usage("--seconds takes a number above 0");
    } else if (argument.size() > 1 && argument.front() == '-') {
      usage("unknown option " + std::string(argument));
    } else {
      for (std::string& file : files_of(argv[i])) options.files.push_back(std::move(file));
    }
  }
  if (options.files.empty()) usage("no scenario files");
  return options;
}

// Over the old one, so that there is always one of the two.
bool replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".rewriting";
  std::ofstream file(fresh, std::ios::binary);
  file << text;
  file.close();
  std::error_code error;
  if (file) fs::permissions(fresh, fs::status(path).permissions(), error);
  if (file && !error) fs::rename(fresh, path, error);
  if (file && !error) return true;
  fs::remove(fresh, error);
  return false;
}

// In the process made for it. Returns whether the file passed.
bool run_file(const std::string& path, const ScenarioOptions& options, std::size_t& line) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) {
    std::printf("%s: cannot be read\n", path.c_str());
    return false;
  }
  const ScenarioResult result =
      run_scenario(path, text, options, [&line](std::size_t at) { line = at; });
  std::fputs(result.problem.c_str(), stdout);
  if (!result.passed || !options.rewrite || result.text == text) return result.passed;
  if (replace_file(path, result.text)) {
    std::printf("%s: rewritten\n", path.c_str());
    return true;
  }
  std::printf("%s: cannot be replaced\n", path.c_str());
  return false;
}

// What a process says of where it is, for when it can no longer say anything.
class SharedLine {
 public:
  SharedLine() {
    void* const memory = mmap(nullptr, sizeof(std::size_t), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    line_ = new (memory) std::size_t{0};
  }
  ~SharedLine() { munmap(line_, sizeof(std::size_t)); }
  SharedLine(const SharedLine&) = delete;
  SharedLine& operator=(const SharedLine&) = delete;

  std::size_t& operator*() { return *line_; }

 private:
  std::size_t* line_;
};

bool run_apart(const std::string& path, const Options& options) {
  SharedLine line;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(options.seconds_max);
    const bool passed = run_file(path, options.scenario, *line);
    std::fflush(stdout);
    _exit(passed ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    std::printf("%s: no process for it: %s\n", path.c_str(), std::strerror(errno));
    return false;
  }
  if (WIFSIGNALED(status)) {
    std::printf("%s:%zu: ended by signal %d (%s)\n", path.c_str(), *line, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? "it took too long" : strsignal(WTERMSIG(status)));
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::size_t passed = 0;
  for (const std::string& path : options.files) {
    const bool ok = run_apart(path, options);
    passed += ok ? 1 : 0;
    if (options.tap) std::printf("%s - %s\n", ok ? "ok" : "not ok", path.c_str());
  }
  const std::size_t failed = options.files.size() - passed;
  if (options.tap) {
    std::printf("1..%zu\n", options.files.size());
  } else {
    std::printf("%zu passed, %zu failed\n", passed, failed);
  }
  return failed == 0 ? 0 : 1;
}
