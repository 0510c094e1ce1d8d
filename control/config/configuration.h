// The node's configuration while it runs: what is in force, what another one would change, and
// applying one. Applying is all or nothing:
//
//   1. the steps that the dataplane has to take are taken in order; if one fails, those before it
//      are taken back in reverse
//   2. the file is replaced, and the text before kept beside it; if that fails, all steps are taken
//      back
//   3. what control alone uses changes, and the version counts one up
//
// What needs a restart is only written to the file, and named.
//
// The dataplane reads the same file, at another time: it may have been edited, or applied, while
// one of the two was away. So at each attachment the file is read again (on_dataplane), and what
// the dataplane reports to be different from it is changed there (reconcile). What control holds is
// the truth; what cannot be made true is told by gaps().
//
// One event loop's; one change at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asio/awaitable.hpp"
#include "control/config/changes.h"
#include "control/core/problems.h"
#include "control/rpc/message.h"
#include "dataplane/config.h"
#include "nlohmann/json.hpp"

namespace ringroad::control {

// Who takes the steps: the dataplane, or a test's.
class ConfigStepper {
 public:
  // Why no step can be taken now; empty: they can.
  virtual std::string fault() = 0;
  virtual asio::awaitable<absl::Status> take(ConfigStep step) = 0;

 protected:
  ~ConfigStepper() = default;
};

struct ApplyRequest {
  nlohmann::json document;
  bool by_owner = false;  // else what changes.h says is the owner's is refused: denied
  bool dry_run = false;
  std::optional<std::uint64_t> expected_version = std::nullopt;
};

class Configuration {
 public:
  // `on_change` is told of the configuration now running, after each change. `stepper` outlives it.
  Configuration(std::string file, const NodeConfig& config, ConfigStepper& stepper,
                std::function<void()> on_change);

  const std::string& file() const { return file_; }
  std::uint64_t version() const { return version_; }
  // As in the file, and as it runs: they differ in what needs a restart.
  const NodeConfig& applied() const { return applied_; }
  const NodeConfig& running() const { return running_; }
  // A dataplane is attached; `started`: what it was started with, if it says so. Reads the file
  // again. One that is wrong leaves in force what it held before.
  void on_dataplane(const std::optional<NodeConfig>& started);
  // Takes the steps, each for itself: one that fails is told by gaps() until the next time. None:
  // the dataplane is as it should be. Nothing happens while another change is under way.
  asio::awaitable<void> reconcile(std::vector<ConfigStep> differences);
  bool is_changing() const { return is_changing_; }
  ConfigGaps gaps() const;

  nlohmann::json get() const;
  nlohmann::json check(const nlohmann::json& document) const;
  RpcResult diff(const nlohmann::json& document) const;
  asio::awaitable<RpcResult> apply(ApplyRequest request);
  asio::awaitable<RpcResult> rollback(bool dry_run, bool by_owner);
  // Reads the file again and applies it; the file stays as it is.
  asio::awaitable<RpcResult> reload();

 private:
  struct Plan {
    NodeConfig config;
    std::string text;  // for the file
    bool by_owner = false;
    bool writes_file = true;
    bool dry_run = false;
  };

  void read_file_again();
  absl::StatusOr<NodeConfig> read(const std::string& text, const std::string& name) const;
  asio::awaitable<RpcResult> carry_out(Plan plan);
  asio::awaitable<absl::Status> take_steps(std::vector<ConfigStep> steps);
  asio::awaitable<std::string> undo(std::vector<ConfigStep> taken);
  nlohmann::json applied_json(const std::vector<ConfigChange>& changes, bool dry_run) const;

  std::string file_;
  NodeConfig applied_, running_;
  ConfigStepper& stepper_;
  std::function<void()> on_change_;
  std::uint64_t version_ = 1;
  bool is_changing_ = false;
  std::string file_fault_;          // of the file, when it was last read again
  std::vector<std::string> unmet_;  // steps that the dataplane did not take
};

}  // namespace ringroad::control
