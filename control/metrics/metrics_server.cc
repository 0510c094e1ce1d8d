// civetweb speaks HTTP, and is told here what to answer and how little to put up with.
//
// Each request goes through on_request, on one of civetweb's threads: it takes a snapshot, prints
// it, and writes it in pieces against one deadline for all of them. What civetweb refuses by itself
// goes through on_refusal, so that a stranger is answered in the same plain way. Both are C
// callbacks: nothing may be thrown through them, and what is thrown in them ends as a hang-up.
//
// A port that is taken is no reason not to start: the next free one of a few is. The threads are
// made with all signals blocked, since those are the event loop's.
//
// Invariant: no thread here writes anything of the process's: it reads a snapshot, which is a copy.
#include "control/metrics/metrics_server.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <exception>
#include <semaphore>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "civetweb.h"
#include "control/metrics/node_collector.h"
#include "dataplane/net/address.h"

namespace ringroad::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kExpositionFormat[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kIndex[] =
    "Ringroad node\n"
    "/metrics   figures in Prometheus' text format\n"
    "/healthz   200 while the control process lives\n"
    "/readyz    200 when the node is ready, else 503 and why not\n";
constexpr std::size_t kWritePieceBytes = 4'096;
constexpr auto kAnswerTimeMax = std::chrono::seconds(2);

struct Answer {
  int status = 200;
  const char* type = kPlainText;
  const char* more = "";  // a whole header line, or nothing
  std::string body;
};

Answer answer_to(std::string_view path, SnapshotSource& source) {
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/") return {.body = kIndex};
  if (path != "/metrics" && path != "/readyz") return {.status = 404, .body = "not found\n"};
  const auto snapshot = std::make_unique<MetricsSnapshot>();
  source.snapshot(*snapshot);
  if (path == "/metrics") return {.type = kExpositionFormat, .body = exposition(*snapshot)};
  if (snapshot->ready) return {.body = "ready\n"};
  return {.status = 503, .body = snapshot->unready + "\n"};
}

// In pieces, so that a client that takes one byte at a time does not start the clock anew with
// each.
void write_all(mg_connection* connection, std::string_view bytes) {
  const auto deadline = Clock::now() + kAnswerTimeMax;
  while (!bytes.empty() && Clock::now() < deadline) {
    const std::size_t size = std::min(bytes.size(), kWritePieceBytes);
    const int written = mg_write(connection, bytes.data(), size);
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void send_answer(mg_connection* connection, const Answer& answer, bool with_body) {
  std::string text = absl::StrFormat(
      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
      answer.status, mg_get_response_code_text(connection, answer.status), answer.type,
      answer.body.size(), answer.more);
  if (with_body) text += answer.body;
  write_all(connection, text);
}

// What civetweb has of ours. It says why it cannot start to the thread that starts it.
struct Serving {
  SnapshotSource& source;
  std::thread::id starter = std::this_thread::get_id();
  std::string fault = {};  // the first that it told that thread
};

// ---- what civetweb calls; nothing may be thrown through it ----

int on_request(mg_connection* connection) {
  // What is left of the request is not waited for.
  mg_disable_connection_keep_alive(connection);
  try {
    const mg_request_info* request = mg_get_request_info(connection);
    const std::string_view method = request->request_method;
    auto& source = static_cast<Serving*>(request->user_data)->source;
    Answer answer;
    if (method != "GET" && method != "HEAD") {
      answer = {.status = 405, .more = "Allow: GET, HEAD\r\n", .body = "GET and HEAD only\n"};
    } else if (request->local_uri == nullptr) {  // "OPTIONS *" and the like
      answer = {.status = 404, .body = "not found\n"};
    } else {
      answer = answer_to(request->local_uri, source);
    }
    send_answer(connection, answer, method != "HEAD");
    return answer.status;
  } catch (const std::exception&) {  // out of memory: hang up
    return 500;
  }
}

// A request that civetweb itself refuses: malformed, too large, too slow.
int on_refusal(mg_connection* connection, int status, const char* /*reason*/) {
  try {
    Answer answer{.status = status};
    answer.body = absl::StrFormat("%s\n", mg_get_response_code_text(connection, status));
    send_answer(connection, answer, true);
  } catch (const std::exception&) {
  }
  return 0;
}

// Mistakes of strangers are told to them, and fill nobody's log.
int on_access(const mg_connection* /*connection*/, const char* /*text*/) { return 1; }

int on_log(const mg_connection* connection, const char* text) {
  const mg_context* const context = mg_get_context(connection);
  if (context == nullptr) return 1;
  auto* const serving = static_cast<Serving*>(mg_get_user_data(context));
  if (std::this_thread::get_id() != serving->starter || !serving->fault.empty()) return 1;
  try {
    serving->fault = text;
  } catch (const std::exception&) {  // out of memory: then it is not told
  }
  return 1;
}

// ---- where to listen ----

struct Place {
  Ipv4Address address;
  std::uint16_t port = 0;
  std::string text() const { return absl::StrFormat("%s:%d", to_string(address), port); }
};

absl::StatusOr<Place> parse_place(std::string_view listen) {
  Place place;
  const std::size_t colon = listen.rfind(':');
  if (colon != std::string_view::npos) {
    const char* const end = listen.data() + listen.size();
    const auto [stopped, error] = std::from_chars(listen.data() + colon + 1, end, place.port);
    const auto address = parse_ipv4(listen.substr(0, colon));
    if (address.has_value() && error == std::errc{} && stopped == end) {
      place.address = *address;
      return place;
    }
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "metrics: \"%s\" is no place to listen at; an IPv4 address, a colon and a port are, as in "
      "127.0.0.1:9090",
      listen));
}

// A TCP socket, opened and closed here.
class Socket {
 public:
  Socket()
      : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        error_(descriptor_ < 0 ? errno : 0) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // 0, or why not.
  int listen(const Place& place) {
    if (error_ != 0) return error_;
    const int yes = 1;
    const sockaddr_in address = to_sockaddr(place);
    const bool listens =
        ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
        ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
        ::listen(descriptor_, 1) == 0;
    return listens ? 0 : errno;
  }
  void connect(const Place& place) {
    const sockaddr_in address = to_sockaddr(place);
    (void)!::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }

 private:
  static sockaddr_in to_sockaddr(const Place& place) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(place.port);
    address.sin_addr.s_addr = htonl(place.address.value);
    return address;
  }
  int descriptor_;
  int error_;  // of opening it
};

// Threads started meanwhile take no signals: those are for the process' own loop.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

mg_context* start_at(const Place& place, Serving& serving) {
  const std::string where = place.text();
  const std::string threads = std::to_string(MetricsServer::kThreads);
  const std::string waiting = std::to_string(MetricsServer::kConnectionsWaitingMax);
  const std::string silence = std::to_string(MetricsServer::kSilenceMsMax);
  const std::string request_bytes = std::to_string(MetricsServer::kRequestBytesMax);
  const char* options[] = {"listening_ports",
                           where.c_str(),
                           "num_threads",
                           threads.c_str(),
                           "connection_queue",
                           waiting.c_str(),
                           "listen_backlog",
                           waiting.c_str(),
                           "request_timeout_ms",
                           silence.c_str(),
                           "max_request_size",
                           request_bytes.c_str(),
                           "enable_keep_alive",
                           "no",
                           "enable_directory_listing",
                           "no",
                           nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = on_request;
  callbacks.http_error = on_refusal;
  callbacks.log_message = on_log;
  callbacks.log_access = on_access;
  const SignalsBlocked blocked;
  return mg_start(&callbacks, &serving, options);
}

std::uint16_t port_of(const mg_context* context) {
  mg_server_port port{};
  return mg_get_server_ports(context, 1, &port) == 1 ? static_cast<std::uint16_t>(port.port) : 0;
}

}  // namespace

struct MetricsServer::Impl {
  Serving serving;
  mg_context* context = nullptr;
  Place place;
  std::string address;
  bool has_moved = false;

  explicit Impl(SnapshotSource& source) : serving{.source = source} {
    mg_init_library(MG_FEATURES_DEFAULT);
  }
  ~Impl() {
    if (context != nullptr) stop();
    mg_exit_library();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // On its own, civetweb sees that it shall stop when somebody connects, or after two seconds.
  // So somebody does.
  void stop() {
    const SignalsBlocked blocked;
    std::binary_semaphore stopped(0);
    const std::jthread knocking([&] {
      do {
        Socket().connect(place);
      } while (!stopped.try_acquire_for(std::chrono::milliseconds(10)));
    });
    mg_stop(context);
    stopped.release();
  }
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::start(const std::string& listen,
                                                                    SnapshotSource& source) {
  const auto asked = parse_place(listen);
  if (!asked.ok()) return asked.status();
  auto impl = std::make_unique<Impl>(source);
  const int ports = asked->port == 0 ? 1 : std::min<int>(kPortsMax, 0x10000 - asked->port);
  for (int i = 0; i < ports; ++i) {
    impl->place = {asked->address, static_cast<std::uint16_t>(asked->port + i)};
    // civetweb itself would not say in so many words why it cannot.
    int error = Socket().listen(impl->place);
    if (error == 0) {
      impl->context = start_at(impl->place, impl->serving);
      // It may be that somebody was faster.
      if (impl->context == nullptr) error = Socket().listen(impl->place);
    }
    if (error == EADDRINUSE) continue;
    if (impl->context == nullptr) {
      return absl::UnavailableError(
          absl::StrFormat("metrics: cannot listen at %s: %s", impl->place.text(),
                          error != 0 ? std::strerror(error) : impl->serving.fault));
    }
    if (asked->port == 0) impl->place.port = port_of(impl->context);
    impl->address = impl->place.text();
    impl->has_moved = i > 0;
    return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
  }
  return absl::ResourceExhaustedError(absl::StrFormat(
      "metrics: cannot listen at %s nor at a port up to %d; \"metrics\": {\"listen\": ...} in the "
      "configuration chooses another",
      asked->text(), impl->place.port));
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return impl_->address; }

bool MetricsServer::has_moved() const { return impl_->has_moved; }

}  // namespace ringroad::control
