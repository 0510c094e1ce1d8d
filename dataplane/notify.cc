#include "dataplane/notify.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace ringroad {
namespace {

// A message's assignments end with their line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ServiceNotifier::ServiceNotifier() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  heard_ = socket != nullptr && *socket != '\0';
  std::uint64_t microseconds_max = 0;
  if (heard_ && sd_watchdog_enabled(0, &microseconds_max) > 0) {
    // Beyond an hour it does not matter, and nothing overflows.
    constexpr std::uint64_t kHour = 3'600'000'000;
    const std::uint64_t quarter = std::clamp<std::uint64_t>(microseconds_max / 4, 1, kHour);
    ping_interval_ = Nanos{static_cast<std::int64_t>(quarter * 1'000)};
  }
}

void ServiceNotifier::ready(const std::string& status) {
  told_ = one_line(status);
  send("READY=1\nSTATUS=" + told_);
}

void ServiceNotifier::status(const std::string& status) {
  std::string line = one_line(status);
  if (line == told_) return;
  told_ = std::move(line);
  send("STATUS=" + told_);
}

void ServiceNotifier::ping() { send("WATCHDOG=1"); }

void ServiceNotifier::stopping() { send("STOPPING=1\nSTATUS=stopping"); }

// A manager that cannot be reached takes the service for hung or failed; it needs no second word.
void ServiceNotifier::send(const std::string& message) {
  if (heard_) (void)sd_notify(0, message.c_str());
}

}  // namespace ringroad
