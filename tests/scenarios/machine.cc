// The machine's few rules: sessions, and the way to a snapshot's bytes and back. The state's text
// and the sessions are two lines; padding is zero bytes behind them, to be cut off again.
#include "machine.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ringroad::scenarios {
namespace {
constexpr char kPadding = '\0';
}  // namespace

void Machine::apply(absl::string_view data) {
  if (data.empty()) return;
  absl::string_view word = data;
  const std::vector<absl::string_view> parts = absl::StrSplit(data, absl::MaxSplits(':', 2));
  std::uint64_t request = 0;
  if (parts.size() == 3 && absl::SimpleAtoi(parts[1], &request)) {
    std::uint64_t& last = last_request_[std::string(parts[0])];
    if (request <= last) return;
    last = request;
    word = parts[2];
  }
  absl::StrAppend(&content_, content_.empty() ? "" : " ", word);
}

std::string Machine::sessions() const {
  return absl::StrJoin(last_request_, " ", absl::PairFormatter(":"));
}

std::string Machine::saved(std::size_t bytes_min) const {
  std::string bytes = absl::StrCat(content_, "\n", sessions());
  bytes.resize(std::max(bytes.size(), bytes_min), kPadding);
  return bytes;
}

Machine Machine::restored(absl::string_view bytes) {
  bytes = bytes.substr(0, bytes.find(kPadding));
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(bytes, absl::MaxSplits('\n', 1));
  Machine machine{std::string(halves.first)};
  for (const absl::string_view session : absl::StrSplit(halves.second, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> is = absl::StrSplit(session, ':');
    std::uint64_t request = 0;
    if (absl::SimpleAtoi(is.second, &request)) machine.last_request_.emplace(is.first, request);
  }
  return machine;
}

}  // namespace ringroad::scenarios
