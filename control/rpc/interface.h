// The control interface as its description (ringroad.rpc.json, built into the program) says it is:
// which methods there are, and whether parameters and results are what was promised.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace ringroad {
extern const std::string_view kRpcSchemaText;
}

namespace ringroad::control {

class RpcInterface {
 public:
  RpcInterface();
  ~RpcInterface();

  const nlohmann::json& description() const { return description_; }
  bool has_method(const std::string& method) const { return methods_.contains(method); }
  std::vector<std::string> methods() const;

  // Empty when it fits, else what does not: "/bytes: ...". Of a known method.
  std::string check_params(const std::string& method, const nlohmann::json& params) const;
  std::string check_result(const std::string& method, const nlohmann::json& result) const;
  std::string check_notification(const std::string& name, const nlohmann::json& params) const;

 private:
  struct Shape;
  struct Method;

  nlohmann::json description_;
  std::map<std::string, std::unique_ptr<Method>> methods_;
  std::map<std::string, std::unique_ptr<Shape>> notifications_;
};

}  // namespace ringroad::control
