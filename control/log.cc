#include "control/log.h"

#include <cstdlib>

#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

// sd-daemon(3): a line that begins with <n> has syslog's priority n.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    const std::string_view text = prefix(message.level);
    to.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<PriorityFlag>();
  }

 private:
  static std::string_view prefix(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::critical:
      case spdlog::level::err:
        return "<3>";
      case spdlog::level::warn:
        return "<4>";
      case spdlog::level::info:
        return "<6>";
      default:
        return "<7>";
    }
  }
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// On one line and valid UTF-8, whatever stands in it: JSON's escapes serve both formats.
std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_bare(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) return false;
  }
  return true;
}

std::string logfmt_value(const Json& value) {
  if (value.is_string() && is_bare(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  return dumped(value);
}

std::unique_ptr<spdlog::formatter> make_formatter(const Log::Options& options) {
  auto formatter = spdlog::details::make_unique<spdlog::pattern_formatter>();
  const std::string prefix = options.journald_prefixes ? "%*" : "";
  formatter->add_flag<PriorityFlag>('*').set_pattern(
      prefix + (options.format == LogFormat::kJson
                    ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                    : "time=%Y-%m-%dT%H:%M:%S.%e%z level=%l %v"));
  return formatter;
}

}  // namespace

Log::Log(spdlog::sink_ptr sink, const Options& options)
    : logger_("control", std::move(sink)), options_(options) {
  logger_.flush_on(spdlog::level::trace);
  set_level(options.level);
  set_format(options.format);
}

std::unique_ptr<Log> Log::to_stderr(const ControlConfig& config) {
  return std::make_unique<Log>(
      std::make_shared<spdlog::sinks::stderr_sink_st>(),
      Options{.level = config.log_level,
              .format = config.log_format,
              .journald_prefixes = std::getenv("JOURNAL_STREAM") != nullptr});
}

void Log::set_level(LogLevel level) {
  options_.level = level;
  logger_.set_level(spdlog_level(level));
}

void Log::set_format(LogFormat format) {
  options_.format = format;
  logger_.set_formatter(make_formatter(options_));
}

void Log::write(LogLevel level, std::string_view message, Fields fields) {
  if (!logger_.should_log(spdlog_level(level))) return;
  std::string line;
  if (options_.format == LogFormat::kJson) {
    line = "\"msg\":" + dumped(std::string(message));
    for (const LogField& field : fields) {
      line += "," + dumped(std::string(field.key)) + ":" + dumped(field.value);
    }
  } else {
    line = "msg=" + dumped(std::string(message));
    for (const LogField& field : fields) {
      line += " " + std::string(field.key) + "=" + logfmt_value(field.value);
    }
  }
  logger_.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace ringroad::control
