#include "dataplane/client/error.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace ringroad::client {
namespace {

struct LastError {
  dist_net_error_details_t details{};
  char text[512] = "";   // given with the error, or empty
  char words[640] = "";  // what dist_net_last_error returned
};

// Per thread, like errno: the one piece of state that belongs to no context.
LastError& last_error() {
  thread_local LastError error;
  return error;
}

const char* reason_words(dist_net_reason_t reason) {
  switch (reason) {
    case DIST_NET_REASON_NONE:
      return "";
    case DIST_NET_REASON_RING:
      return "transmit ring full (the dataplane has not taken earlier messages yet)";
    case DIST_NET_REASON_ARENA:
      return "transmit arena full (messages without outcome hold it)";
    case DIST_NET_REASON_UNRESOLVED:
      return "too many messages without outcome";
    case DIST_NET_REASON_QUOTA_MESSAGES:
      return "quota full: messages without outcome toward this node";
    case DIST_NET_REASON_QUOTA_BYTES:
      return "quota full: bytes without outcome toward this node";
    case DIST_NET_REASON_OUTCOMES:
      return "outcomes asked for and not collected (dist_net_poll_outcomes)";
    case DIST_NET_REASON_QUEUE:
      return "node's queue full";
    case DIST_NET_REASON_MESSAGE_CREDIT:
      return "link window full: messages (the peer's application is not reading)";
    case DIST_NET_REASON_BYTE_CREDIT:
      return "link window full: bytes (the peer's application is not reading)";
    case DIST_NET_REASON_FLIGHT:
      return "link full of frames the peer has not acknowledged";
    case DIST_NET_REASON_LOCAL:
      return "local channel full (the other program is not releasing)";
  }
  return "";
}

class Words {
 public:
  Words(char* out, std::size_t size) : out_(out), size_(size) { out[0] = 0; }

  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int wrote = std::vsnprintf(out_ + used_, size_ - used_, format, arguments);
    va_end(arguments);
    if (wrote > 0) used_ = std::min(size_ - 1, used_ + static_cast<std::size_t>(wrote));
  }

 private:
  char* out_;
  std::size_t size_, used_ = 0;
};

}  // namespace

dist_net_error_t fail(const dist_net_error_details_t& details) {
  LastError& last = last_error();
  last.details = details;
  last.text[0] = 0;
  return details.error;
}

dist_net_error_t fail(dist_net_error_t error) {
  return fail(dist_net_error_details_t{error, DIST_NET_REASON_NONE, 0, 0, 0, 0});
}

dist_net_error_t fail(dist_net_error_t error, const std::string& text) {
  fail(error);
  LastError& last = last_error();
  const std::size_t size = std::min(text.size(), sizeof last.text - 1);
  std::memcpy(last.text, text.data(), size);
  last.text[size] = 0;
  return error;
}

}  // namespace ringroad::client

using namespace ringroad::client;

extern "C" {

const char* dist_net_strerror(dist_net_error_t error) {
  switch (error) {
    case DIST_NET_SUCCESS:
      return "DIST_NET_SUCCESS";
    case DIST_NET_WOULD_BLOCK:
      return "DIST_NET_WOULD_BLOCK";
    case DIST_NET_INVALID_ARGUMENT:
      return "DIST_NET_INVALID_ARGUMENT";
    case DIST_NET_NOT_STARTED:
      return "DIST_NET_NOT_STARTED";
    case DIST_NET_ALREADY_STARTED:
      return "DIST_NET_ALREADY_STARTED";
    case DIST_NET_DISCONNECTED:
      return "DIST_NET_DISCONNECTED";
    case DIST_NET_NO_SUCH_NODE:
      return "DIST_NET_NO_SUCH_NODE";
    case DIST_NET_NOT_CONNECTED:
      return "DIST_NET_NOT_CONNECTED";
    case DIST_NET_TOO_LARGE:
      return "DIST_NET_TOO_LARGE";
    case DIST_NET_BAD_PRIORITY:
      return "DIST_NET_BAD_PRIORITY";
    case DIST_NET_TYPE_TAKEN:
      return "DIST_NET_TYPE_TAKEN";
    case DIST_NET_LIMIT_REACHED:
      return "DIST_NET_LIMIT_REACHED";
    case DIST_NET_NO_MEMORY:
      return "DIST_NET_NO_MEMORY";
    case DIST_NET_CONFIGURATION:
      return "DIST_NET_CONFIGURATION";
    case DIST_NET_UNAVAILABLE:
      return "DIST_NET_UNAVAILABLE";
    case DIST_NET_VERSION:
      return "DIST_NET_VERSION";
    case DIST_NET_TIMEOUT:
      return "DIST_NET_TIMEOUT";
    case DIST_NET_NO_CONSENSUS:
      return "DIST_NET_NO_CONSENSUS";
    case DIST_NET_NO_SUCH_PROGRAM:
      return "DIST_NET_NO_SUCH_PROGRAM";
    case DIST_NET_NAME_TAKEN:
      return "DIST_NET_NAME_TAKEN";
  }
  return "DIST_NET_UNKNOWN_ERROR";
}

dist_net_error_details_t dist_net_error_details(void) { return last_error().details; }

const char* dist_net_last_error(void) {
  LastError& last = last_error();
  const dist_net_error_details_t& details = last.details;
  Words words{last.words, sizeof last.words};
  words.add("%s", dist_net_strerror(details.error));
  if (details.node != 0) words.add(": node %u", static_cast<unsigned>(details.node));
  if (details.node != 0 && details.priority != 0) words.add(", priority %u", details.priority);
  if (details.reason != DIST_NET_REASON_NONE) words.add(": %s", reason_words(details.reason));
  if (details.limit != 0) {
    words.add(" (%llu of %llu)", static_cast<unsigned long long>(details.used),
              static_cast<unsigned long long>(details.limit));
  }
  if (last.text[0] != 0) words.add(": %s", last.text);
  return last.words;
}

}  // extern "C"
