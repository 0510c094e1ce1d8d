#include "tests/e2e/fabric/fabric_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "dataplane/base/check.h"
#include "dataplane/clock.h"
#include "tools/ringroad-fabric/control_client.h"

namespace ringroad::fabric {
namespace {

constexpr std::size_t kHeaderBytes = 14;

struct Child {
  pid_t pid;
  int output;  // where its standard output and error can be read
};

Child start(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe_ends;
  RR_CHECK(pipe2(pipe_ends.data(), O_CLOEXEC) == 0);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  RR_CHECK(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the test
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  return {pid, pipe_ends[0]};
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Appends to `text` until it holds a line's end, or the child's end, or the deadline.
bool read_more(int descriptor, std::string& text, Nanos deadline) {
  const Nanos left = deadline - monotonic_now();
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  if (left <= Nanos{} || poll(&waiting, 1, static_cast<int>(left.count / 1'000'000) + 1) <= 0) {
    return false;
  }
  std::array<char, 4'096> bytes;
  const ssize_t n = read(descriptor, bytes.data(), bytes.size());
  if (n <= 0) return false;
  text.append(bytes.data(), static_cast<std::size_t>(n));
  return true;
}

std::string address_of(std::uint32_t id) {
  if (id == Station::kEveryone) return std::string(6, '\xff');
  return std::string("\x02RR\0\0", 5) + static_cast<char>(id);
}

}  // namespace

std::string fabric_binary() {
  const char* path = std::getenv("RINGROAD_FABRIC");
  RR_CHECK(path != nullptr);
  return path;
}

ProcessResult run_command(const std::vector<std::string>& arguments) {
  const Child child = start(arguments);
  const Nanos deadline = monotonic_now() + seconds(20);
  ProcessResult result;
  while (read_more(child.output, result.output, deadline)) {
  }
  if (monotonic_now() >= deadline) kill(child.pid, SIGKILL);
  result.exit_code = exit_code_of(child.pid);
  close(child.output);
  return result;
}

FabricProcess::FabricProcess(const std::string& directory, int ports,
                             std::vector<std::string> arguments)
    : directory_(directory) {
  std::vector<std::string> command = {fabric_binary(), "run",    "--ports",   std::to_string(ports),
                                      "--socket",      socket(), "--control", control()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Child child = start(command);
  pid_ = child.pid;
  const Nanos deadline = monotonic_now() + seconds(10);
  while (ready_line_.find('\n') == std::string::npos &&
         read_more(child.output, ready_line_, deadline)) {
  }
  EXPECT_EQ(ready_line_.rfind("ready: ", 0), 0u) << ready_line_;
  output_ = child.output;
}

FabricProcess::~FabricProcess() {
  if (pid_ > 0) stop(SIGKILL);
  close(output_);
}

bool FabricProcess::says(std::string_view text) {
  const Nanos deadline = monotonic_now() + seconds(10);
  while (said_.find(text) == std::string::npos) {
    if (!read_more(output_, said_, deadline)) return false;
  }
  return true;
}

nlohmann::json FabricProcess::ask(const std::string& line) const {
  const auto answer = fabric::ask(control(), line);
  EXPECT_TRUE(answer.ok()) << answer.status();
  const auto parsed = nlohmann::json::parse(answer.ok() ? *answer : "{}", nullptr, false);
  EXPECT_TRUE(parsed.value("ok", false)) << line << ": " << parsed.dump();
  return parsed;
}

int FabricProcess::stop(int signal) {
  kill(pid_, signal);
  const int code = exit_code_of(pid_);
  pid_ = -1;
  return code;
}

Station::Station(const std::string& socket, std::uint32_t id) : id_(id) {
  memif::Config config;
  config.socket_path = socket;
  config.id = id;
  config.name = "station-" + std::to_string(id);
  config.log2_ring_size = 8;
  config.buffer_bytes = 9'216;
  config.reconnect_interval = milliseconds(5);
  auto interface = memif::Interface::create(config);
  EXPECT_TRUE(interface.ok()) << interface.status();
  interface_ = std::move(*interface);
}

void Station::pump() {
  interface_->service(monotonic_now());
  std::array<std::array<std::byte, 9'216>, 16> frames;
  std::array<memif::ReceiveBuffer, 16> buffers;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    buffers[i] = {frames[i].data(), static_cast<std::uint32_t>(frames[i].size()), 0};
  }
  const std::size_t count = interface_->receive(buffers);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string frame(reinterpret_cast<const char*>(buffers[i].data), buffers[i].length);
    ASSERT_GE(frame.size(), kHeaderBytes);
    heard_.push_back(frame.substr(kHeaderBytes));
  }
}

void Station::send(std::uint32_t to, std::string_view text) {
  const std::string frame =
      address_of(to) + address_of(id_) + std::string("\x88\xb5", 2) + std::string(text);
  const memif::TransmitBuffer buffer{reinterpret_cast<const std::byte*>(frame.data()),
                                     static_cast<std::uint32_t>(frame.size())};
  EXPECT_TRUE(wait_until({this}, [&] { return interface_->transmit({&buffer, 1}) == 1; }));
}

bool wait_until(const std::vector<Station*>& stations, const std::function<bool()>& condition) {
  const Nanos deadline = monotonic_now() + seconds(10);
  while (!condition()) {
    if (monotonic_now() >= deadline) return false;
    for (Station* station : stations) station->pump();
    // One CPU is enough for this test and the process it talks to.
    sched_yield();
  }
  return true;
}

}  // namespace ringroad::fabric
