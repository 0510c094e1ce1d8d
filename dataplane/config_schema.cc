// Two readers of one schema. The first explains: it knows the few keywords that our schema uses and
// words each fault for people, with the nearest known name. The second, valijson, is the judge:
// what it refuses is refused, even where the first has nothing to say. It runs only on what the
// first let through, since its regular expressions recurse with the length of the text.
#include "dataplane/config_schema.h"

#include <limits>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/did_you_mean.h"
#include "valijson/adapters/nlohmann_json_adapter.hpp"
#include "valijson/schema.hpp"
#include "valijson/schema_parser.hpp"
#include "valijson/validation_results.hpp"
#include "valijson/validator.hpp"

namespace ringroad {
namespace {

using Json = nlohmann::json;

class Explainer {
 public:
  Explainer(const Json& root, ConfigFaults& faults) : root_(root), faults_(faults) {}

  void check(const Json& given_schema, const Json& value, const std::string& pointer) {
    const Json& schema = resolve(given_schema);
    if (!fits(schema, value)) {
      faults_.add(pointer,
                  absl::StrCat(quoted(value), " is not ", noun(schema), suggestion(schema, value),
                               " (", expectation(schema), ")", help(schema)));
      return;
    }
    if (value.is_object()) check_object(schema, value, pointer);
    if (value.is_array()) check_array(schema, value, pointer);
  }

 private:
  const Json& resolve(const Json& schema) const {
    const auto reference = schema.find("$ref");
    if (reference == schema.end()) return schema;
    return root_.at(Json::json_pointer(reference->get<std::string>().substr(1)));
  }

  static std::string noun(const Json& schema) { return schema.value("title", "what belongs here"); }

  static std::string help(const Json& schema) {
    return schema.contains("x-help") ? absl::StrCat("; ", schema["x-help"].get<std::string>()) : "";
  }

  static bool in_range(const Json& schema, const Json& value) {
    if (value.is_number_unsigned() &&
        value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      return false;
    }
    const auto number = value.get<std::int64_t>();
    return number >= schema.value("minimum", std::numeric_limits<std::int64_t>::min()) &&
           number <= schema.value("maximum", std::numeric_limits<std::int64_t>::max());
  }

  static bool text_fits(const Json& schema, const std::string& text) {
    if (text.size() < schema.value("minLength", std::size_t{0}) ||
        text.size() > schema.value("maxLength", std::size_t{4096})) {
      return false;
    }
    const auto pattern = schema.find("pattern");
    if (pattern == schema.end()) return true;
    return std::regex_match(text, std::regex(pattern->get<std::string>()));
  }

  // Whether the value is of the right type and, when it is a plain one, in range.
  static bool fits(const Json& schema, const Json& value) {
    const auto type = schema.value("type", std::string());
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string" && !(value.is_string() && text_fits(schema, value.get<std::string>()))) {
      return false;
    }
    if (type == "integer" && !(value.is_number_integer() && in_range(schema, value))) return false;
    if (type == "boolean" && !value.is_boolean()) return false;
    if (!schema.contains("enum")) return true;
    for (const Json& allowed : schema["enum"]) {
      if (allowed == value) return true;
    }
    return false;
  }

  static std::vector<std::string> words(const Json& schema) {
    std::vector<std::string> words;
    for (const Json& word : schema["enum"]) {
      words.push_back(word.is_string() ? word.get<std::string>() : word.dump());
    }
    return words;
  }

  static std::string expectation(const Json& schema) {
    if (schema.contains("enum")) {
      const auto known = words(schema);
      return known.size() == 1 ? absl::StrCat("only: ", known[0])
                               : absl::StrCat("one of: ", absl::StrJoin(known, ", "));
    }
    const auto type = schema.value("type", std::string());
    if (type == "integer") {
      return absl::StrCat("an integer from ", schema["minimum"].dump(), " to ",
                          schema["maximum"].dump());
    }
    if (type == "string") {
      if (schema.contains("examples")) return absl::StrCat("like ", schema["examples"][0].dump());
      return absl::StrCat("a string of ", schema.value("minLength", 0), " to ",
                          schema.value("maxLength", 4096), " bytes");
    }
    return type == "boolean" ? "true or false" : type == "array" ? "an array" : "an object";
  }

  static std::string suggestion(const Json& schema, const Json& value) {
    if (!value.is_string()) {
      const bool in_brackets = value.is_array() && value.size() == 1;
      if (in_brackets && fits(schema, value[0])) {
        return absl::StrCat("; did you mean ", quoted(value[0]), " without brackets?");
      }
      if (schema.value("type", "") == "string" && fits(schema, Json(value.dump()))) {
        return absl::StrCat("; did you mean ", quoted(Json(value.dump())), " in quotes?");
      }
      return "";
    }
    const auto text = value.get<std::string>();
    const Json bare = text.size() <= 20 ? Json::parse(text, nullptr, false) : Json();
    if (!bare.is_discarded() && !bare.is_string() && !bare.is_structured() && fits(schema, bare)) {
      return absl::StrCat("; did you mean ", bare.dump(), " without quotes?");
    }
    if (!schema.contains("enum")) return "";
    const auto near = did_you_mean(text, words(schema));
    return near ? absl::StrCat("; did you mean \"", *near, "\"?") : "";
  }

  void check_object(const Json& schema, const Json& value, const std::string& pointer) {
    const Json& properties = schema["properties"];
    for (const auto& [key, member] : value.items()) {
      const auto known = properties.find(key);
      if (known != properties.end()) {
        check(*known, member, pointer_to(pointer, key));
      } else {
        unknown_key(properties, key, pointer);
      }
    }
    for (const Json& required : schema.value("required", Json::array())) {
      const auto key = required.get<std::string>();
      if (!value.contains(key)) missing(properties[key], pointer_to(pointer, key));
    }
  }

  void unknown_key(const Json& properties, const std::string& key, const std::string& pointer) {
    std::vector<std::string> known;
    for (const auto& [name, unused] : properties.items()) {
      if (name != "$schema") known.push_back(name);
    }
    const auto near = did_you_mean(key, known);
    const std::string cut = key.size() <= 60 ? key : absl::StrCat(key.substr(0, 60), "...");
    faults_.add(
        pointer_to(pointer, cut),
        absl::StrCat("unknown key", near ? absl::StrCat("; did you mean \"", *near, "\"?") : "",
                     " (known here: ", absl::StrJoin(known, ", "), ")"));
  }

  // A missing object is told by the members it had to have.
  void missing(const Json& given_schema, const std::string& pointer) {
    const Json& schema = resolve(given_schema);
    if (schema.value("type", "") == "object" && schema.contains("required")) {
      return check_object(schema, Json::object(), pointer);
    }
    faults_.add(pointer, absl::StrCat("missing: expected ", noun(schema), " (", expectation(schema),
                                      ")", help(schema)));
  }

  void check_array(const Json& schema, const Json& value, const std::string& pointer) {
    const auto least = schema.value("minItems", std::size_t{0});
    const auto most = schema.value("maxItems", std::size_t{1'000});
    if (value.size() < least || value.size() > most) {
      const std::string expected = least == most          ? absl::StrCat("exactly ", least)
                                   : value.size() < least ? absl::StrCat("at least ", least)
                                                          : absl::StrCat("at most ", most);
      faults_.add(pointer,
                  absl::StrCat("has ", value.size(), value.size() == 1 ? " item" : " items",
                               "; expected ", expected, help(schema)));
    }
    for (std::size_t i = 0; i < value.size() && i < most; ++i) {
      check(schema["items"], value[i], pointer_to(pointer, i));
    }
  }

  const Json& root_;
  ConfigFaults& faults_;
};

// valijson's path "<root>" "[ports]" "[0]" as a JSON pointer.
std::string pointer_from(const std::vector<std::string>& context) {
  std::string pointer;
  for (std::size_t i = 1; i < context.size(); ++i) {
    const std::string& step = context[i];
    pointer = pointer_to(pointer, step.size() > 2 ? step.substr(1, step.size() - 2) : step);
  }
  return pointer;
}

}  // namespace

void check_schema(const Json& document, ConfigFaults& faults) {
  const Json schema_document = Json::parse(kConfigSchemaText);
  Explainer(schema_document, faults).check(schema_document, document, "");
  if (!faults.empty()) return;

  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_document), schema);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &results))
    return;
  for (const auto& error : results) faults.add(pointer_from(error.context), error.description);
}

}  // namespace ringroad
