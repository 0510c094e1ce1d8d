// JSON-RPC 2.0 (www.jsonrpc.org/specification) as text: what one line asks for, and how answers are
// written. No socket: handed a line, it says what to do with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nlohmann/json.hpp"

namespace ringroad::control {

// One line, without its newline.
inline constexpr std::size_t kRpcLineBytesMax = 1024 * 1024;
// Requests of one connection that may be under way, and those of one batch.
inline constexpr std::size_t kRpcRequestsMax = 32;

struct RpcError {
  int code = 0;
  std::string message;
  std::string kind;                 // of the interface's own errors; empty: JSON-RPC's
  std::vector<std::string> faults;  // of invalid_config

  static RpcError parse(std::string text) { return {-32700, std::move(text), "", {}}; }
  static RpcError invalid_request(std::string text) { return {-32600, std::move(text), "", {}}; }
  static RpcError no_such_method(std::string text) { return {-32601, std::move(text), "", {}}; }
  static RpcError invalid_params(std::string text) { return {-32602, std::move(text), "", {}}; }
  static RpcError internal(std::string text) { return {-32603, std::move(text), "", {}}; }
  static RpcError not_found(std::string text) { return {-32001, std::move(text), "not_found", {}}; }
  static RpcError unreachable(std::string text) {
    return {-32002, std::move(text), "unreachable", {}};
  }
  static RpcError denied(std::string text) { return {-32003, std::move(text), "denied", {}}; }
  static RpcError timed_out(std::string text) { return {-32004, std::move(text), "timed_out", {}}; }
  static RpcError failed(std::string text) { return {-32005, std::move(text), "failed", {}}; }
  static RpcError invalid_config(std::string text, std::vector<std::string> faults) {
    return {-32006, std::move(text), "invalid_config", std::move(faults)};
  }
  static RpcError conflict(std::string text) { return {-32007, std::move(text), "conflict", {}}; }
  static RpcError busy(std::string text) { return {-32008, std::move(text), "busy", {}}; }
};

using RpcResult = std::variant<nlohmann::json, RpcError>;

struct RpcRequest {
  std::optional<nlohmann::json> id;  // none: a notification, which is never answered
  std::string method;
  nlohmann::json params = nlohmann::json::object();
  std::optional<RpcError> error;  // what is wrong with it; then it is answered with that
};

struct RpcLine {
  bool is_batch = false;  // its answers go into one array
  std::vector<RpcRequest> requests;
};

// Never empty: what is no request at all becomes one with an error and the id null.
RpcLine parse_rpc_line(std::string_view line);

// Each one line without its newline; valid UTF-8 whatever stands in it.
nlohmann::json make_response(const nlohmann::json& id, const RpcResult& result);
std::string print_line(const nlohmann::json& message);
std::string print_notification(const std::string& method, const nlohmann::json& params);

}  // namespace ringroad::control
