// The control process's log: one line an event, to stderr, as logfmt or JSON.
//
//   time=2026-03-01T12:00:00.123+0000 level=info msg="link is up" node=2
//   {"time":"2026-03-01T12:00:00.123+0000","level":"info","msg":"link is up","node":2}
//
// Under systemd each line begins with its priority, "<6>", which journald takes off. Level and
// format may change while it is used. One thread's.
#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/config.h"
#include "nlohmann/json.hpp"
#include "spdlog/logger.h"

namespace ringroad::control {

// "key=value", the value a text or a number.
struct LogField {
  std::string_view key;
  nlohmann::json value;
};

class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kLogfmt;
    bool journald_prefixes = false;
  };
  Log(spdlog::sink_ptr sink, const Options& options);

  // To stderr; with journald's prefixes when stderr leads there ($JOURNAL_STREAM).
  static std::unique_ptr<Log> to_stderr(const ControlConfig& config);

  void set_level(LogLevel level);
  void set_format(LogFormat format);
  LogLevel level() const { return options_.level; }

  using Fields = std::initializer_list<LogField>;
  void write(LogLevel level, std::string_view message, Fields fields = {});
  void debug(std::string_view message, Fields fields = {}) {
    write(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) {
    write(LogLevel::kInfo, message, fields);
  }
  void warning(std::string_view message, Fields fields = {}) {
    write(LogLevel::kWarning, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) {
    write(LogLevel::kError, message, fields);
  }

 private:
  spdlog::logger logger_;
  Options options_;
};

}  // namespace ringroad::control
