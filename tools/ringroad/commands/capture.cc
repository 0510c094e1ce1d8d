// capture: the packets of a port, as a pcapng file or a line each. The control process sends them
// as notifications over the connection that started the capture; here they are written as they
// come, and however the capture ends, packets, time, ctrl-C or a full disk, the file is whole.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "dataplane/host/descriptor.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/capture_line.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/filter_text.h"
#include "tools/ringroad/pcapng.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr double kGraceSeconds = 10;  // beyond the capture's own end

// Where packets go: a file, standard output, or lines for people.
class Sink {
 public:
  static absl::StatusOr<Sink> open(Session& session, const std::string& path) {
    Sink sink{session, path};
    if (path == "-" && session.out.is_terminal()) {
      return absl::InvalidArgumentError(
          "-w -: standard output is a terminal, which cannot show a pcapng file; pipe it, or name "
          "a file");
    }
    if (!path.empty() && path != "-") {
      sink.file_ =
          host::Descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
      if (!sink.file_.valid()) {
        return absl::InternalError(cat(printable(path), ": ", std::strerror(errno)));
      }
    }
    return sink;
  }

  // All nine digits, which a number of the JSON library does not have.
  static std::string json_line(json params, const PcapngPacket& packet) {
    params.erase("time_nanoseconds");
    const std::string rest = params.dump(-1, ' ', false, json::error_handler_t::replace);
    return absl::StrFormat("{\"schema_version\":1,\"time_seconds\":%d.%09d,%s\n",
                           packet.time_nanoseconds / 1'000'000'000,
                           packet.time_nanoseconds % 1'000'000'000, rest.substr(1));
  }

  bool is_file() const { return !path_.empty(); }
  bool is_closed() const { return session_.out.is_closed(); }

  absl::Status begin(const std::string& port, std::uint32_t snap, const std::string& filter) {
    if (!is_file()) return absl::OkStatus();
    return put(pcapng_head(port, snap, filter.empty() ? "" : cat("filter: ", filter)));
  }

  absl::Status packet(const json& params, const PcapngPacket& packet) {
    if (is_file()) return put(pcapng_packet(packet));
    if (session_.is_json()) {
      session_.out.write(json_line(params, packet));
    } else {
      session_.out.write(
          capture_line(packet.time_nanoseconds, packet.is_outgoing, packet.length, packet.bytes));
    }
    return absl::OkStatus();
  }

 private:
  Sink(Session& session, std::string path) : session_(session), path_(std::move(path)) {}

  absl::Status put(std::string_view bytes) {
    if (!file_.valid()) {
      session_.out.write(bytes);
      return session_.out.status();
    }
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return absl::DataLossError(cat(printable(path_), ": ", std::strerror(errno)));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  Session& session_;
  std::string path_;
  host::Descriptor file_;
};

absl::StatusOr<json> request_of(const Given& given) {
  const auto port = given.whole("--port", 0, 63, 0);
  if (!port.ok()) return port.status();
  const auto count = given.whole("--count", 1, 100'000'000, 1'000);
  if (!count.ok()) return count.status();
  const auto seconds = given.seconds("--for", 0.001, 86'400, 60);
  if (!seconds.ok()) return seconds.status();
  const auto snap = given.whole("--snap", 14, 65'535, 65'535);
  if (!snap.ok()) return snap.status();
  const auto program = compile_filter(given.text("--filter"));
  if (!program.ok()) {
    return absl::InvalidArgumentError(cat("--filter: ", fabric::message_of(program.status())));
  }
  json request = {{"port", *port},
                  {"program", *program},
                  {"packets_max", *count},
                  {"seconds_max", *seconds},
                  {"snap_bytes", *snap}};
  if (given.has("--direction")) request["direction"] = given.text("--direction");
  return request;
}

// Packets until the capture's end, which is returned.
class Receiving {
 public:
  Receiving(Session& session, RpcClient& client, Sink& sink, double seconds)
      : session_(session),
        client_(client),
        sink_(sink),
        deadline_(deadline_in(seconds + kGraceSeconds)) {}

  absl::StatusOr<json> run() {
    for (;;) {
      if (sink_.is_closed() || !trouble_.ok()) {
        if (auto status = stop(); !status.ok()) return status;
      }
      auto notification = client_.next_notification(std::min(deadline_, deadline_in(0.5)));
      if (absl::IsCancelled(notification.status())) {
        session_.interrupts.clear();
        if (is_stopping_) return notification.status();
        if (auto status = stop(); !status.ok()) return status;
        continue;
      }
      show_progress();
      if (absl::IsDeadlineExceeded(notification.status()) && Clock::now() < deadline_) continue;
      if (!notification.ok()) return notification.status();
      const json& params = child_of(*notification, "params");
      const std::string method = text_of(*notification, "method");
      if (method == "capture.end") return trouble_.ok() ? absl::StatusOr<json>{params} : trouble_;
      if (method == "capture.packet") on_packet(params);
    }
  }

  std::uint64_t packets() const { return packets_; }

 private:
  // What the other side has already sent is still taken.
  absl::Status stop() {
    if (is_stopping_) return absl::OkStatus();
    is_stopping_ = true;
    deadline_ = deadline_in(kGraceSeconds);
    const auto answer = client_.call("capture.stop", json::object(), kGraceSeconds);
    // It may have ended by itself a moment before.
    return answer.ok() || absl::IsNotFound(answer.status()) ? absl::OkStatus() : answer.status();
  }

  void on_packet(const json& params) {
    const json& encoded = child_of(params, "bytes");
    std::string bytes;
    if (!encoded.is_string() ||
        !absl::Base64Unescape(fabric::to_absl(encoded.get_ref<const std::string&>()), &bytes)) {
      trouble_ = absl::InternalError("capture.packet: bytes are not base64");
      return;
    }
    const PcapngPacket packet{.time_nanoseconds = count_of(params, "time_nanoseconds"),
                              .length = static_cast<std::uint32_t>(std::max<std::uint64_t>(
                                  count_of(params, "length"), bytes.size())),
                              .is_outgoing = text_of(params, "direction") == "out",
                              .bytes = std::as_bytes(std::span{bytes})};
    ++packets_;
    if (trouble_.ok()) trouble_ = sink_.packet(params, packet);
  }

  void show_progress() {
    if (!sink_.is_file() || !session_.talk.is_screen() || Clock::now() < next_progress_) return;
    session_.talk.write(cat("\r", gen::with_commas(packets_), " packets"));
    next_progress_ = deadline_in(0.5);
    has_progress_ = true;
  }

 public:
  void end_progress() {
    if (has_progress_) session_.talk.write("\r\x1b[K");
  }

 private:
  Session& session_;
  RpcClient& client_;
  Sink& sink_;
  Deadline deadline_;
  Deadline next_progress_ = deadline_in(0.5);
  bool has_progress_ = false;
  bool is_stopping_ = false;
  std::uint64_t packets_ = 0;
  absl::Status trouble_;
};

absl::StatusOr<ExitCode> capture(Session& session, const Given& given) {
  const auto request = request_of(given);
  if (!request.ok()) return request.status();
  if (asks_for_loopback((*request)["program"])) {
    session.tell(
        "--filter: a name or address in it is of the loopback (127.0.0.0/8), which no packet of a "
        "port has; write the node's address, as its configuration has it");
  }
  const std::string& path = given.text("--write");
  // Asked before the file is touched: a refusal leaves what was there.
  if (path == "-" && session.out.is_terminal()) return Sink::open(session, path).status();
  const auto started = session.ask("capture.start", *request);
  if (!started.ok()) return started.status();
  auto sink = Sink::open(session, path);
  if (!sink.ok()) {
    session.hang_up();  // which ends the capture
    return sink.status();
  }
  const std::string port = text_of(*started, "port_name");
  const auto begun = sink->begin(port, static_cast<std::uint32_t>(count_of(*request, "snap_bytes")),
                                 given.text("--filter"));
  if (!begun.ok()) {
    session.hang_up();
    return begun;
  }
  const auto client = session.client();
  if (!client.ok()) return client.status();
  session.tell(cat("captures ", port, "; ctrl-C ends it"));
  Receiving receiving{session, **client, *sink, number_of(*request, "seconds_max").value_or(0)};
  const auto end = receiving.run();
  receiving.end_progress();
  session.hang_up();
  if (!end.ok()) return end.status();
  const std::string reason = text_of(*end, "reason");
  session.tell(cat(gen::with_commas(receiving.packets()),
                   receiving.packets() == 1 ? " packet captured, " : " packets captured, ",
                   gen::with_commas(count_of(*end, "filtered")), " filtered out, ",
                   gen::with_commas(count_of(*end, "dropped")), " missed; ended by: ", reason));
  return reason == "dataplane gone" ? ExitCode::kUnreachable : ExitCode::kOk;
}

}  // namespace

std::vector<Command> capture_commands() {
  return {{.path = "capture",
           .summary = "Captures the packets of a port: a line each, or a pcapng file.",
           .details = "Ends after 1,000 packets or 60 s unless said, or with ctrl-C; the file is "
                      "whole in any case.",
           .options = {{.names = "--port",
                        .value = "INDEX",
                        .help = "counted from 0 (0)",
                        .source = Source::kPort},
                       {.names = "--filter",
                        .value = "EXPRESSION",
                        .help = "as tcpdump's: \"udp port 8801 and host 10.77.0.2\""},
                       {.names = "--direction",
                        .value = "WHICH",
                        .help = "in, out or both (both)",
                        .words = {"in", "out", "both"}},
                       {.names = "-c,--count", .value = "N", .help = "end after so many (1,000)"},
                       {.names = "--for", .value = "SECONDS", .help = "end after so long (60)"},
                       {.names = "--snap",
                        .value = "BYTES",
                        .help = "of each packet, at most (65,535: all)"},
                       {.names = "-w,--write",
                        .value = "FILE",
                        .help = "pcapng; -: standard output",
                        .source = Source::kFile}},
           .examples = {{"ringroad capture -c 20", "twenty packets, a line each"},
                        {"ringroad capture --filter arp -w - | tshark -r -",
                         "the same for other tools"}},
           .run = capture}};
}

}  // namespace ringroad::cli
