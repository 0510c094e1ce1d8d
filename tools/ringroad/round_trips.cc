#include "tools/ringroad/round_trips.h"

#include <algorithm>
#include <cmath>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {

using fabric::cat;

void RoundTrips::on_answer(double seconds) {
  seconds_.insert(std::upper_bound(seconds_.begin(), seconds_.end(), seconds), seconds);
}

double RoundTrips::quantile(double share) const {
  const auto rank = std::ceil(share * static_cast<double>(seconds_.size()));
  return seconds_[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::string RoundTrips::text() const {
  const double share = sent() == 0 ? 0 : static_cast<double>(lost_) / static_cast<double>(sent());
  std::string text = cat("node ", peer_, ": ", gen::with_commas(sent()), " sent, ",
                         gen::with_commas(received()), " received, ", share_text(share), " lost\n");
  if (seconds_.empty()) return text;
  return cat(text, "round trip  min ", latency_text(seconds_.front()), "  p50 ",
             latency_text(quantile(0.5)), "  p99 ", latency_text(quantile(0.99)), "  max ",
             latency_text(seconds_.back()), "\n");
}

nlohmann::json RoundTrips::json() const {
  nlohmann::json object = {{"schema_version", 1},
                           {"peer_id", peer_},
                           {"bytes", bytes_},
                           {"sent", sent()},
                           {"received", received()}};
  const auto time = [&](double share) {
    return seconds_.empty() ? nlohmann::json{} : nlohmann::json(quantile(share));
  };
  object["round_trip_smallest_seconds"] = time(0);
  object["round_trip_p50_seconds"] = time(0.5);
  object["round_trip_p99_seconds"] = time(0.99);
  object["round_trip_largest_seconds"] = time(1);
  return object;
}

}  // namespace ringroad::cli
