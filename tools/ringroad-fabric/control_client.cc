#include "tools/ringroad-fabric/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-fabric/unix_socket.h"

namespace ringroad::fabric {
namespace {

using nlohmann::json;

constexpr timeval kPatience = {.tv_sec = 5, .tv_usec = 0};

json parse(std::string_view answer) { return json::parse(answer, nullptr, false); }

std::string drops_of(const json& port) {
  std::string text;
  for (const auto& [reason, count] : port.at("drops").items()) {
    if (count != 0) text += cat(text.empty() ? "" : ", ", reason, " ", count.dump());
  }
  return text.empty() ? "-" : text;
}

std::string format_ports(const json& answer) {
  std::string text = absl::StrFormat("%-5s %-18s %12s %12s %12s %7s  %s\n", "PORT", "PEER",
                                     "RECEIVED", "SENT", "FLOODED", "QUEUED", "DROPPED");
  for (const json& port : answer.at("ports")) {
    const std::string peer = port.at("connected").get<bool>() ? port.at("peer").get<std::string>()
                                                              : std::string("(not connected)");
    absl::StrAppendFormat(&text, "%-5s %-18s %12s %12s %12s %7s  %s\n", port.at("port").dump(),
                          peer, port.at("frames_received").dump(), port.at("frames_sent").dump(),
                          port.at("frames_flooded").dump(), port.at("frames_queued").dump(),
                          drops_of(port));
  }
  return cat(text, answer.at("frames_delayed").dump(), " frames delayed");
}

std::string format_faults_answer(const json& answer) {
  std::string text = cat("seed ", answer.at("seed").dump());
  if (answer.at("faults").empty()) return cat(text, ", no faults set and none happened");
  for (const json& pair : answer.at("faults")) {
    text += cat("\n", pair.at("from").dump(), "->", pair.at("to").dump(), "  ",
                pair.at("settings").get<std::string>());
    std::string counts;
    for (const auto& [name, count] : pair.items()) {
      if (!name.starts_with("frames_") || count == 0) continue;
      counts += cat(counts.empty() ? "" : ", ", name.substr(7), " ", count.dump());
    }
    if (!counts.empty()) text += cat("  (", counts, ")");
  }
  return text;
}

std::string format_macs(const json& answer) {
  std::string text = absl::StrFormat("%-18s %4s  %s", "MAC", "PORT", "LAST SEEN");
  for (const json& station : answer.at("macs")) {
    absl::StrAppendFormat(&text, "\n%-18s %4s  %s ms ago", station.at("mac").get<std::string>(),
                          station.at("port").dump(), station.at("age_ms").dump());
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> ask(const std::string& socket_path, std::string_view line) {
  if (line.find('\n') != std::string_view::npos) {
    return absl::InvalidArgumentError("a command is one line");
  }
  const auto descriptor = connect_to(socket_path);
  if (!descriptor.ok()) return descriptor.status();
  const absl::Cleanup closing = [&] { close(*descriptor); };
  setsockopt(*descriptor, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  const std::string request = cat(line, "\n");
  // A server that is full says so and closes before it reads: its word is read all the same.
  const ssize_t sent = send(*descriptor, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent >= 0 && static_cast<std::size_t>(sent) < request.size()) {
    return absl::UnavailableError(cat(socket_path, ": the command was cut short"));
  }
  std::string answer;
  std::array<char, 4'096> bytes;
  while (answer.empty() || answer.back() != '\n') {
    const ssize_t n = recv(*descriptor, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return absl::UnavailableError(cat(
          socket_path, n == 0 ? ": the fabric hung up" : ": the fabric did not answer in time"));
    }
    answer.append(bytes.data(), static_cast<std::size_t>(n));
  }
  answer.pop_back();
  return answer;
}

bool is_refusal(std::string_view answer) {
  const json parsed = parse(answer);
  return !parsed.is_object() || !parsed.value("ok", false);
}

std::string format_answer(std::string_view answer) {
  const json parsed = parse(answer);
  if (!parsed.is_object()) return cat("not an answer of a fabric: ", answer);
  if (parsed.contains("error")) return parsed.at("error").get<std::string>();
  if (parsed.contains("ports")) return format_ports(parsed);
  if (parsed.contains("faults") && parsed.contains("seed")) return format_faults_answer(parsed);
  if (parsed.contains("macs")) return format_macs(parsed);
  if (parsed.size() == 1) return "ok";
  return parsed.dump(2);
}

}  // namespace ringroad::fabric
