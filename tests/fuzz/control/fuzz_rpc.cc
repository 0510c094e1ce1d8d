// A line at the control socket: any bytes are taken apart into requests, each of which has an error
// or the name of a method, and every answer is one line of JSON again.
#include <cstdint>
#include <string_view>

#include "control/rpc/interface.h"
#include "control/rpc/message.h"
#include "dataplane/base/check.h"

namespace {

using namespace ringroad::control;
using Json = nlohmann::json;

RpcResult answer(const RpcInterface& interface, const RpcRequest& request) {
  if (request.error) return *request.error;
  RR_CHECK(request.params.is_object());
  if (!interface.has_method(request.method)) return RpcError::no_such_method(request.method);
  const std::string fault = interface.check_params(request.method, request.params);
  if (!fault.empty()) return RpcError::invalid_params(fault);
  return request.params;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RpcInterface kInterface;
  const RpcLine line = parse_rpc_line({reinterpret_cast<const char*>(data), size});
  RR_CHECK(!line.requests.empty() && line.requests.size() <= kRpcRequestsMax);
  for (const RpcRequest& request : line.requests) {
    if (!request.id) continue;
    const RpcResult result = answer(kInterface, request);
    const std::string text = print_line(make_response(*request.id, result));
    RR_CHECK(text.find('\n') == std::string::npos);
    const Json read = Json::parse(text);
    RR_CHECK(read.contains("result") != read.contains("error"));
    RR_CHECK(read["id"] == *request.id);
  }
  return 0;
}
