// Ports and sockets the node listens at: free, its own, or somebody else's; and whether the one of
// its two processes is there without the other. Who has a socket is found by its inode among the
// open files of the processes this user may look at.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "dataplane/net/address.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

using control::Restart;

constexpr char kOurs[] = "ringroad";

bool is_ours(const ProcessName& process) { return process.name.rfind(kOurs, 0) == 0; }

std::string print(const ProcessName& process) {
  return absl::StrCat(process.name, " (process ", process.id, ")");
}

struct Endpoint {
  std::string address;
  std::uint64_t port = 0;
};

// "127.0.0.1:9090", or "[::1]:9090".
std::optional<Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port > 65'535) return std::nullopt;
  return Endpoint{text.substr(0, colon), *port};
}

// /proc/net/tcp's way to write an IPv4 address: eight digits, the last byte first.
std::string kernel_address(const std::string& text) {
  const auto address = parse_ipv4(text);
  if (!address) return "";
  std::string digits;
  for (int byte = 0; byte < 4; ++byte) {
    absl::StrAppend(&digits, absl::Hex((address->value >> (8 * byte)) & 0xff, absl::kZeroPad2));
  }
  for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return digits;
}

// The inode of who listens at the endpoint, or at its port on every address.
std::optional<std::uint64_t> find_listener(const Machine& machine, const Endpoint& endpoint) {
  const std::string wanted = kernel_address(endpoint.address);
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for (const std::string& line : machine.read_lines(file)) {
      const auto fields = words_of(line);  // sl local remote st queues timer retransmits uid ...
      constexpr std::size_t kInode = 9;
      if (fields.size() <= kInode || fields[3] != "0A") continue;  // TCP_LISTEN
      const std::size_t colon = fields[1].find(':');
      if (colon == std::string::npos) continue;
      const std::string address = fields[1].substr(0, colon);
      const bool everywhere = address.find_first_not_of('0') == std::string::npos;
      const bool wants_everywhere = wanted == "00000000";
      if (parse_number(fields[1].substr(colon + 1), 16) == endpoint.port &&
          (everywhere || wants_everywhere || address == wanted)) {
        return parse_number(fields[kInode]);
      }
    }
  }
  return std::nullopt;
}

// What stands at a socket's path; true when somebody listens there.
bool check_socket(const Machine& machine, const std::string& path, const std::string& pointer,
                  Findings& findings) {
  const auto sockets = machine.listening_sockets();
  const auto found = sockets.find(path);
  if (found == sockets.end()) return false;
  const auto owner = machine.owner_of_socket(found->second);
  if (!owner) {
    findings.ok(absl::StrCat(path, " is served; by whom is not readable to this user"));
  } else if (is_ours(*owner)) {
    if (say_halted(machine, absl::StrCat(path, " does not answer: ", owner->name), owner->id,
                   findings)) {
      return true;
    }
    findings.ok(absl::StrCat(path, " is served by ", print(*owner)));
  } else {
    findings.wrong(absl::StrCat(path, " is taken by ", print(*owner)),
                   absl::StrCat("kill ", owner->id, "    or set ", pointer, " to another path"));
  }
  return true;
}

// A path nobody listens at: free, or one this user cannot make.
void say_free(const Machine& machine, const std::string& path, const std::string& pointer,
              Findings& findings) {
  const std::string folder =
      machine.closest_folder(std::filesystem::path(path).parent_path().string());
  if (machine.is_writable(folder)) return findings.ok(path + " is free: nobody serves it");
  findings.warning(
      absl::StrCat(path, " cannot be made by this user: ", folder, " is not writable"),
      absl::StrCat(machine.start_command(Restart::kDataplane), "    or set ", pointer));
}

void warn_of_taken(const Endpoint& endpoint, const std::string& text,
                   const std::optional<ProcessName>& owner, const std::string& instead,
                   Findings& findings) {
  findings.warning(
      absl::StrCat(text, " is taken by ",
                   owner ? print(*owner) : "a program that is not readable to this user", instead),
      absl::StrCat("set /metrics/listen to a free one, for example ", endpoint.address, ":",
                   endpoint.port + 1));
}

// A node that answers says itself where it serves them, which is not where its file says when
// something had that port before, as on a machine of several nodes.
void check_metrics_in_force(const Machine& machine, const std::string& in_force,
                            const std::string& configured, Findings& findings) {
  const auto listener_at = [&](const std::string& text) -> std::optional<std::uint64_t> {
    const auto endpoint = parse_endpoint(text);
    return endpoint ? find_listener(machine, *endpoint) : std::nullopt;
  };
  const auto owner_of = [&](std::optional<std::uint64_t> inode) {
    return inode ? machine.owner_of_socket(*inode) : std::nullopt;
  };
  const auto inode = listener_at(in_force);
  const auto owner = owner_of(inode);
  const bool is_own = owner && owner->id == machine.status_number("/control/process_id");
  const std::string served = absl::StrCat(
      in_force, " is served",
      is_own ? absl::StrCat(" by ", print(*owner)) : std::string(", as the node says"));
  const auto wanted = parse_endpoint(configured);
  const auto taken = listener_at(configured);
  if (!wanted || wanted->port == 0 || configured == in_force || !taken || taken == inode) {
    return findings.ok(served);
  }
  const auto taker = owner_of(taken);
  if (taker && is_ours(*taker)) {
    return findings.ok(absl::StrCat(served, "; ", configured, " is ", print(*taker), "'s"));
  }
  warn_of_taken(*wanted, configured, taker, absl::StrCat("; metrics are at ", in_force), findings);
}

}  // namespace

void check_metrics_port(const Machine& machine, Findings& findings) {
  if (!machine.config()) return findings.ok("no node is configured here");
  const std::string& listen = machine.config()->metrics.listen;
  const std::string in_force = machine.status_text("/metrics_listen");
  if (!in_force.empty()) return check_metrics_in_force(machine, in_force, listen, findings);
  const auto endpoint = parse_endpoint(listen);
  if (!endpoint) return findings.ok("not served: /metrics/listen is empty");
  if (endpoint->port == 0) return findings.ok("served at a port the kernel chooses");
  const auto inode = find_listener(machine, *endpoint);
  if (!inode) return findings.ok(absl::StrCat(listen, " is free"));
  const auto owner = machine.owner_of_socket(*inode);
  if (owner && is_ours(*owner)) {
    return findings.ok(absl::StrCat(listen, " is served by ", print(*owner)));
  }
  warn_of_taken(*endpoint, listen, owner, "; metrics go to the next free port", findings);
}

void check_unix_sockets(const Machine& machine, Findings& findings) {
  if (!machine.config()) return findings.ok("no node is configured here");
  const std::string& host = machine.config()->host.socket;
  const std::string& control = machine.config()->control.socket;
  const bool has_host = check_socket(machine, host, "/host/socket", findings);
  const bool has_control = check_socket(machine, control, "/control/socket", findings);
  if (has_host && !has_control) {
    const std::string text = "the dataplane runs and its control process does not";
    if (machine.is_control_missed()) return findings.ok(text);  // which another line calls wrong
    findings.warning(absl::StrCat(text, ": nobody serves ", control),
                     machine.start_command(Restart::kControl));
  } else if (!has_host && (has_control || machine.is_control_missed())) {
    findings.wrong(absl::StrCat("its dataplane does not run: nobody serves ", host),
                   machine.start_command(Restart::kDataplane));
  } else if (!has_host) {
    say_free(machine, host, "/host/socket", findings);
    say_free(machine, control, "/control/socket", findings);
  }
}

}  // namespace ringroad::cli
