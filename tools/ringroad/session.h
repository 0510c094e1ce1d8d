// What a command works with: where it writes, how it is to look, and the control process it asks.
// Lives as long as the process; in the shell its settings are those of the line being run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad/interrupts.h"
#include "tools/ringroad/output.h"
#include "tools/ringroad/rpc_client.h"
#include "tools/ringroad/table.h"
#include "tools/ringroad/target.h"
#include "tools/ringroad/tree.h"

namespace ringroad::cli {

enum class Format : std::uint8_t { kTable, kWide, kJson };

struct Settings {
  std::string node;                    // as --node says it, or
  std::string node_source = "--node";  // what else said it: a variable of the environment
  Format format = Format::kTable;
  bool wants_colour = true;  // where there is a terminal to show it
  std::optional<double> watch_seconds;
  std::optional<double> timeout_seconds;  // as given; each question has a default of its own
};

absl::StatusOr<Settings> read_settings(const Given& globals);

class Session {
 public:
  Session(const Tree& commands, Output& data, Output& others, Interrupts& signals)
      : tree(commands), out(data), talk(others), interrupts(signals) {}

  const Tree& tree;
  Output& out;   // data
  Output& talk;  // everything else
  Interrupts& interrupts;
  Settings settings;
  bool is_shell = false;

  // Asks the control process; connects when there is no connection. Errors open with whom was
  // asked, and end with how to mend it where that is known.
  absl::StatusOr<nlohmann::json> ask(const std::string& method,
                                     const nlohmann::json& params = nlohmann::json::object());
  absl::StatusOr<nlohmann::json> ask(const std::string& method, const nlohmann::json& params,
                                     double timeout_seconds);
  // Likewise, without a word about whom was chosen; for completion.
  absl::StatusOr<nlohmann::json> ask_quietly(const std::string& method);
  // The connection itself, made when there is none.
  absl::StatusOr<RpcClient*> client();
  absl::StatusOr<Target> target();
  void hang_up() { client_.reset(); }

  double timeout() const { return settings.timeout_seconds.value_or(kTimeoutSeconds); }
  bool is_json() const { return settings.format == Format::kJson; }
  Look look() const;
  void tell(std::string_view text);               // "ringroad: <text>" as talk
  void print_json(const nlohmann::json& object);  // indented, or a line each when watching

  static constexpr double kTimeoutSeconds = 5;

 private:
  absl::Status with_context(const absl::Status& status) const;

  bool is_quiet_ = false;
  std::string asked_node_;  // whom client_ was made for
  std::optional<Target> target_;
  std::optional<RpcClient> client_;
};

}  // namespace ringroad::cli
