// The state machine of one node of a scenario. What is applied stands one behind the other; an
// entry that begins with a client's name and a number, as in "c7:3:pay", belongs to a session
// (thesis 6.3) and is applied once, however often it is in the log.
//
// saved() is the whole state as a snapshot's bytes, at least `bytes_min` of them, restored() the
// way back.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace ringroad::scenarios {

class Machine {
 public:
  Machine() = default;
  explicit Machine(std::string content) : content_(std::move(content)) {}
  static Machine restored(absl::string_view bytes);

  void apply(absl::string_view data);
  // "pay", "pay again": words with a blank between them.
  const std::string& content() const { return content_; }
  std::string saved(std::size_t bytes_min) const;
  // "c7:3 c8:1": the last request of each client.
  std::string sessions() const;

 private:
  std::string content_;
  std::map<std::string, std::uint64_t, std::less<>> last_request_;
};

}  // namespace ringroad::scenarios
