#include "control/rpc/interface.h"

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"
#include "dataplane/config_fault.h"
#include "valijson/adapters/nlohmann_json_adapter.hpp"
#include "valijson/schema.hpp"
#include "valijson/schema_parser.hpp"
#include "valijson/validation_results.hpp"
#include "valijson/validator.hpp"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

// valijson's path "<root>" "[nodes]" "[0]" as a JSON pointer.
std::string pointer_from(const std::vector<std::string>& context) {
  std::string pointer;
  for (std::size_t i = 1; i < context.size(); ++i) {
    const std::string& step = context[i];
    pointer = pointer_to(pointer, step.size() > 2 ? step.substr(1, step.size() - 2) : step);
  }
  return pointer.empty() ? "/" : pointer;
}

}  // namespace

// One compiled schema.
struct RpcInterface::Shape {
  Shape(Json piece, const Json& definitions) : document(std::move(piece)) {
    document["definitions"] = definitions;  // what "#/definitions/..." refers to
    valijson::SchemaParser parser;
    parser.populateSchema(NlohmannJsonAdapter(document), schema);
  }

  std::string check(const Json& value) const {
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    valijson::ValidationResults results;
    if (validator.validate(schema, NlohmannJsonAdapter(value), &results)) return "";
    // The last is the outermost and says least: "failed to validate against schema".
    const auto& error = *results.begin();
    return absl::StrCat(pointer_from(error.context), ": ", error.description);
  }

  Json document;
  valijson::Schema schema;
};

struct RpcInterface::Method {
  Method(const Json& description, const Json& definitions)
      : params(description["params"], definitions), result(description["result"], definitions) {}
  Shape params, result;
};

RpcInterface::RpcInterface() : description_(Json::parse(kRpcSchemaText)) {
  const Json& definitions = description_["definitions"];
  for (const Json& method : description_["methods"]) {
    methods_.emplace(method["name"].get<std::string>(),
                     std::make_unique<Method>(method, definitions));
    if (!method.contains("notifications")) continue;
    for (const auto& [name, shape] : method["notifications"].items()) {
      notifications_.emplace(name, std::make_unique<Shape>(shape, definitions));
    }
  }
}

RpcInterface::~RpcInterface() = default;

std::vector<std::string> RpcInterface::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : methods_) names.push_back(name);
  return names;
}

std::string RpcInterface::check_params(const std::string& method, const Json& params) const {
  return methods_.at(method)->params.check(params);
}

std::string RpcInterface::check_result(const std::string& method, const Json& result) const {
  return methods_.at(method)->result.check(result);
}

std::string RpcInterface::check_notification(const std::string& name, const Json& params) const {
  const auto shape = notifications_.find(name);
  return shape == notifications_.end() ? "no such notification" : shape->second->check(params);
}

}  // namespace ringroad::control
