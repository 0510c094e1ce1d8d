// A real ringroad-fabric process and stations that attach to it as memif slaves, for tests. The
// stations live in the test's own thread: whoever waits for something pumps them meanwhile.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ids.h"
#include "drivers/memif/interface.h"
#include "nlohmann/json.hpp"

namespace ringroad::fabric {

// The binary under test, named by the environment variable RINGROAD_FABRIC.
std::string fabric_binary();

struct ProcessResult {
  int exit_code = -1;  // or 128 and the signal
  std::string output;  // standard output and error
};
// Runs a command to its end (at most 20 s).
ProcessResult run_command(const std::vector<std::string>& arguments);

class FabricProcess {
 public:
  // Starts `run` with these arguments beside sockets in `directory`, and waits until it is ready.
  FabricProcess(const std::string& directory, int ports, std::vector<std::string> arguments = {});
  ~FabricProcess();
  FabricProcess(const FabricProcess&) = delete;
  FabricProcess& operator=(const FabricProcess&) = delete;

  std::string socket() const { return directory_ + "/fabric.sock"; }
  std::string control() const { return directory_ + "/control.sock"; }
  const std::string& ready_line() const { return ready_line_; }
  pid_t pid() const { return pid_; }
  // Waits until it has said `text` after that line; false when it does not within ten seconds.
  bool says(std::string_view text);

  // One command over the control socket; a refused one fails the test.
  nlohmann::json ask(const std::string& line) const;
  // Sends the signal and returns how it ended, as ProcessResult::exit_code does.
  int stop(int signal);

 private:
  std::string directory_;
  std::string ready_line_;
  std::string said_;  // after the ready line
  int output_ = -1;
  pid_t pid_ = -1;
};

class Station {
 public:
  // Its address ends in `id`.
  Station(const std::string& socket, std::uint32_t id);

  void pump();
  bool is_connected() const { return interface_->is_connected(); }
  // Sends one frame; pumps while its ring is full.
  void send(std::uint32_t to, std::string_view text);
  const std::vector<std::string>& heard() const { return heard_; }  // the texts, in order
  void forget() { heard_.clear(); }

  static constexpr std::uint32_t kEveryone = 0xff;

 private:
  std::uint32_t id_;
  std::unique_ptr<memif::Interface> interface_;
  std::vector<std::string> heard_;
};

// Pumps the stations until the condition holds; false when it does not within ten seconds.
bool wait_until(const std::vector<Station*>& stations, const std::function<bool()>& condition);

}  // namespace ringroad::fabric
