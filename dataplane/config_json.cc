// A first pass over the events finds what a document cannot show any more (repeated keys) or must
// not become (too deep); the second builds the document.
#include "dataplane/config_json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"

namespace ringroad {
namespace {

using Json = nlohmann::json;

class StrictReader final : public nlohmann::json_sax<Json> {
 public:
  StrictReader(std::string_view text, ConfigFaults& faults) : text_(text), faults_(faults) {}

  bool null() override { return on_value(); }
  bool boolean(bool) override { return on_value(); }
  bool number_integer(number_integer_t) override { return on_value(); }
  bool number_unsigned(number_unsigned_t) override { return on_value(); }
  bool number_float(number_float_t, const string_t&) override { return on_value(); }
  bool string(string_t&) override { return on_value(); }
  bool binary(binary_t&) override { return on_value(); }
  bool start_object(std::size_t) override { return on_start(true); }
  bool start_array(std::size_t) override { return on_start(false); }
  bool end_object() override { return on_end(); }
  bool end_array() override { return on_end(); }

  bool key(string_t& key) override {
    Level& level = levels_.back();
    level.pointer = pointer_to(level.base, key);
    if (!level.keys.insert(key).second) faults_.add(level.pointer, "this key stands here twice");
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    // The parser's text is "[id] parse error at line L, column C: what"; ours has its own place.
    std::string_view what = error.what();
    const std::size_t column = what.find("column ");
    const std::size_t colon = column == what.npos ? what.npos : what.find(": ", column);
    if (colon != what.npos) what.remove_prefix(colon + 2);
    const std::string_view before = text_.substr(0, position == 0 ? 0 : position - 1);
    const std::size_t line_start = before.rfind('\n');
    const auto lines = static_cast<std::size_t>(std::ranges::count(before, '\n'));
    faults_.add_syntax(lines + 1,
                       before.size() - (line_start == before.npos ? 0 : line_start + 1) + 1,
                       "not JSON: " + std::string(what));
    return false;
  }

 private:
  struct Level {
    bool is_object;
    std::string base;     // of this object or array
    std::string pointer;  // of the value expected next
    std::size_t index = 0;
    std::set<std::string> keys;
  };

  std::string here() const {
    if (levels_.empty()) return "";
    const Level& level = levels_.back();
    return level.is_object ? level.pointer : pointer_to(level.base, level.index);
  }
  bool on_value() {
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool on_start(bool is_object) {
    if (levels_.size() == kConfigDepthMax) {
      faults_.add(here(), absl::StrFormat("nested more than %d deep", kConfigDepthMax));
      return false;
    }
    levels_.push_back({.is_object = is_object, .base = here()});
    return true;
  }
  bool on_end() {
    levels_.pop_back();
    return on_value();
  }

  std::string_view text_;
  ConfigFaults& faults_;
  std::vector<Level> levels_;
};

}  // namespace

Json parse_strict_json(std::string_view text, ConfigFaults& faults) {
  if (text.size() > kConfigBytesMax) {
    faults.add_file(
        absl::StrFormat("%d bytes; a configuration has at most %d", text.size(), kConfigBytesMax));
    return nullptr;
  }
  StrictReader reader(text, faults);
  if (!Json::sax_parse(text, &reader) || !faults.empty()) return nullptr;
  return Json::parse(text, nullptr, false);
}

}  // namespace ringroad
