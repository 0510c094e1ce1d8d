// The sizes of messages: one, or several with weights ("64:70,1024:25,8192:5"). Pure; draws from
// the generator it is handed, so a seed replays a run's sizes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/prng.h"

namespace ringroad::gen {

class SizeMix {
 public:
  struct Part {
    std::uint32_t bytes = 0;
    std::uint32_t weight = 1;
  };

  // One size.
  explicit SizeMix(std::uint32_t bytes) : SizeMix(std::vector<Part>{{bytes, 1}}) {}

  // "1024", "8K" or "SIZE:WEIGHT,...". An error says which part is wrong and what it may be.
  static absl::StatusOr<SizeMix> parse(std::string_view text);

  // A single size costs no draw.
  std::uint32_t draw(Prng& prng) const {
    if (parts_.size() == 1) [[likely]]
      return parts_.front().bytes;
    return draw_weighted(prng);
  }

  const std::vector<Part>& parts() const { return parts_; }
  std::uint32_t smallest() const;
  std::uint32_t largest() const;
  double mean() const;

 private:
  explicit SizeMix(std::vector<Part> parts);
  std::uint32_t draw_weighted(Prng& prng) const;

  std::vector<Part> parts_;
  std::uint64_t weights_ = 0;
};

}  // namespace ringroad::gen
