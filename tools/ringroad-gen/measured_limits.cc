#include "tools/ringroad-gen/measured_limits.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"

namespace ringroad::gen {
namespace {

using nlohmann::json;

constexpr std::string_view kRowHead = "p2p.memif.";
// A few hundred bytes a row: far more than perf/run ever writes.
constexpr std::size_t kFileBytesMax = 4 << 20;

absl::Status refuse(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" ", why));
}

// The payload size in "p2p.memif.64B"; none for any other name.
std::optional<std::uint32_t> size_in(std::string_view name) {
  if (!name.starts_with(kRowHead) || !name.ends_with('B')) return std::nullopt;
  name.remove_prefix(kRowHead.size());
  name.remove_suffix(1);
  std::uint32_t bytes = 0;
  const char* end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data(), end, bytes);
  if (error != std::errc{} || next != end || bytes == 0) return std::nullopt;
  return bytes;
}

}  // namespace

absl::StatusOr<Limits> Limits::read(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text(kFileBytesMax + 1, '\0');
  if (!file || !file.read(text.data(), static_cast<std::streamsize>(text.size())).eof()) {
    if (file) return refuse(path, "is longer than any file of perf/run's");
    return refuse(path, absl::StrCat("cannot be read: ", std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse(text, path);
}

absl::StatusOr<Limits> Limits::parse(std::string_view text, const std::string& path) {
  const json rows = json::parse(text, nullptr, false);
  if (!rows.is_array()) {
    return refuse(path, "is no JSON array of rows; write one with: perf/run --only p2p --json");
  }
  Limits limits;
  limits.path_ = path;
  for (const json& row : rows) {
    const auto name = row.is_object() ? row.find("name") : row.end();
    if (!row.is_object() || name == row.end() || !name->is_string()) {
      return refuse(path, "has a row without a name; perf/run --json writes one in each");
    }
    const auto bytes = size_in(name->get_ref<const std::string&>());
    if (!bytes) continue;  // another figure
    const json value = row.value("value", json{});
    const json unit = row.value("unit", json{});
    const bool per_message = unit == "messages/s";
    if (!per_message && unit != "bytes/s") {
      return refuse(path, absl::StrCat("row ", row_name(*bytes), ": unit ", unit.dump(),
                                       " is neither \"messages/s\" nor \"bytes/s\""));
    }
    if (value.is_null()) continue;  // it could not be measured
    if (!value.is_number() || value.get<double>() <= 0) {
      return refuse(path, absl::StrCat("row ", row_name(*bytes), ": value ", value.dump(),
                                       " is no number above 0"));
    }
    limits.msgs_per_s_[*bytes] = value.get<double>() / (per_message ? 1 : *bytes);
  }
  return limits;
}

double Limits::memif_msgs_per_s(std::uint32_t bytes) const {
  const auto at = msgs_per_s_.find(bytes);
  return at == msgs_per_s_.end() ? 0 : at->second;
}

std::string Limits::row_name(std::uint32_t bytes) {
  return std::string{kRowHead} + std::to_string(bytes) + "B";
}

}  // namespace ringroad::gen
