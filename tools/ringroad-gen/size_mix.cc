#include "tools/ringroad-gen/size_mix.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/base/limits.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {

SizeMix::SizeMix(std::vector<Part> parts) : parts_(std::move(parts)) {
  for (const Part& part : parts_) weights_ += part.weight;
}

absl::StatusOr<SizeMix> SizeMix::parse(std::string_view text) {
  const auto fault = [](std::string_view part, std::string expected) {
    return absl::InvalidArgumentError("\"" + std::string{part} + "\" " + std::move(expected));
  };
  std::vector<Part> parts;
  for (bool more = true; more;) {
    const std::string_view part = text.substr(0, text.find(','));
    more = part.size() < text.size();
    text.remove_prefix(std::min(text.size(), part.size() + 1));

    const std::size_t colon = part.find(':');
    const auto bytes = parse_quantity(part.substr(0, colon), 1024);
    if (!bytes) return fault(part, "is not a size; write 1024, 8K or SIZE:WEIGHT,SIZE:WEIGHT");
    if (*bytes < kStampBytes) {
      return fault(part, absl::StrCat("is below the ", kStampBytes, " bytes of a stamp"));
    }
    if (*bytes > kMessageBytesMaxLimit) {
      return fault(part, absl::StrCat("is above the protocol's ", kMessageBytesMaxLimit, " bytes"));
    }
    const auto weight =
        colon == std::string_view::npos ? 1 : parse_quantity(part.substr(colon + 1), 1000);
    if (!weight || *weight == 0 || *weight > 1'000'000) {
      return fault(part, "has no weight from 1 to 1,000,000 after the colon");
    }
    parts.push_back({static_cast<std::uint32_t>(*bytes), static_cast<std::uint32_t>(*weight)});
  }
  return SizeMix{std::move(parts)};
}

std::uint32_t SizeMix::draw_weighted(Prng& prng) const {
  std::uint64_t point = prng.below(weights_);
  for (const Part& part : parts_) {
    if (point < part.weight) return part.bytes;
    point -= part.weight;
  }
  return parts_.back().bytes;
}

std::uint32_t SizeMix::smallest() const {
  return std::ranges::min_element(parts_, {}, &Part::bytes)->bytes;
}

std::uint32_t SizeMix::largest() const {
  return std::ranges::max_element(parts_, {}, &Part::bytes)->bytes;
}

double SizeMix::mean() const {
  double sum = 0;
  for (const Part& part : parts_) sum += static_cast<double>(part.bytes) * part.weight;
  return sum / static_cast<double>(weights_);
}

}  // namespace ringroad::gen
