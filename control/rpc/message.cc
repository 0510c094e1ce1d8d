#include "control/rpc/message.h"

#include "absl/strings/str_cat.h"
#include "dataplane/config_fault.h"
#include "dataplane/config_json.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

static_assert(kRpcLineBytesMax == kConfigBytesMax, "the strict reader's bound is the line's too");

bool is_id(const Json& value) { return value.is_null() || value.is_string() || value.is_number(); }

RpcRequest refused(Json id, RpcError error) {
  RpcRequest request;
  request.id = std::move(id);
  request.error = std::move(error);
  return request;
}

RpcRequest read_request(const Json& value) {
  if (!value.is_object()) {
    return refused(nullptr, RpcError::invalid_request("a request is an object"));
  }
  const auto id = value.find("id");
  if (id != value.end() && !is_id(*id)) {
    return refused(nullptr, RpcError::invalid_request("/id: a string, a number or null"));
  }
  const Json answer_to = id == value.end() ? Json(nullptr) : *id;
  const auto version = value.find("jsonrpc");
  if (version == value.end() || *version != "2.0") {
    return refused(answer_to, RpcError::invalid_request("/jsonrpc: \"2.0\" has to stand here"));
  }
  const auto method = value.find("method");
  if (method == value.end() || !method->is_string()) {
    return refused(answer_to, RpcError::invalid_request("/method: the name of one, a string"));
  }
  RpcRequest request;
  if (id != value.end()) request.id = *id;
  request.method = method->get<std::string>();
  const auto params = value.find("params");
  if (params == value.end()) return request;
  if (params->is_object()) {
    request.params = *params;
  } else if (!params->is_array()) {
    return refused(answer_to, RpcError::invalid_request("/params: an object"));
  } else if (!params->empty()) {
    request.error = RpcError::invalid_params("/params: by name, in an object, not by position");
  }
  return request;
}

}  // namespace

RpcLine parse_rpc_line(std::string_view text) {
  RpcLine line;
  ConfigFaults faults("request");
  const Json document = parse_strict_json(text, faults);
  if (!faults.empty()) {
    line.requests.push_back(
        refused(nullptr, RpcError::parse(std::string(faults.status().message()))));
  } else if (!document.is_array()) {
    line.requests.push_back(read_request(document));
  } else if (document.empty()) {
    line.requests.push_back(refused(nullptr, RpcError::invalid_request("an empty batch")));
  } else if (document.size() > kRpcRequestsMax) {
    line.requests.push_back(refused(
        nullptr, RpcError::invalid_request(absl::StrCat("a batch of ", document.size(),
                                                        " requests; at most ", kRpcRequestsMax))));
  } else {
    line.is_batch = true;
    for (const Json& value : document) line.requests.push_back(read_request(value));
  }
  return line;
}

Json make_response(const Json& id, const RpcResult& result) {
  Json response = {{"jsonrpc", "2.0"}, {"id", id}};
  if (const Json* value = std::get_if<Json>(&result)) {
    response["result"] = *value;
    return response;
  }
  const RpcError& error = std::get<RpcError>(result);
  response["error"] = {{"code", error.code}, {"message", error.message}};
  if (!error.kind.empty()) response["error"]["data"]["kind"] = error.kind;
  if (!error.faults.empty()) response["error"]["data"]["faults"] = error.faults;
  return response;
}

std::string print_line(const Json& message) {
  return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string print_notification(const std::string& method, const Json& params) {
  return print_line({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}});
}

}  // namespace ringroad::control
