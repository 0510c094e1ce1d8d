// The methods of the control interface, by name. Those that only tell are answered from what is
// known; those that change something or ask another node wait for the dataplane.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/answers.h"
#include "control/capture.h"
#include "control/config/configuration.h"
#include "control/dataplane_channel.h"
#include "control/node_model.h"
#include "control/rpc/server.h"

namespace ringroad::control {

class Methods final : public RpcHandler {
 public:
  struct Parts {  // all outlive the methods
    const RpcInterface& interface;
    NodeModel& state;
    const Keeper& keeper;
    DataplaneChannel& channel;
    Configuration& configuration;
    Capture& capture;
    std::function<ProcessFacts()> process;
    std::function<void()> refresh;  // brings the state's reports up to date
    // Why nothing can be asked of the dataplane now, with what mends it; empty: it can.
    std::function<std::string()> dataplane_fault;
  };
  explicit Methods(Parts parts);

  asio::awaitable<RpcResult> call(std::string method, nlohmann::json params,
                                  std::shared_ptr<RpcClient> client) override;
  bool serves(const RpcClient& client) const override;
  void on_hung_up(const RpcClient& client) override;

 private:
  using Json = nlohmann::json;
  using Client = std::shared_ptr<RpcClient>;
  using Told = RpcResult (Methods::*)(const Json&);
  using Done = asio::awaitable<RpcResult> (Methods::*)(Json, Client);

  RpcResult discover(const Json& params);
  RpcResult node_status(const Json& params);
  RpcResult cluster_status(const Json& params);
  RpcResult cluster_members(const Json& params);
  RpcResult port_list(const Json& params);
  RpcResult link_list(const Json& params);
  RpcResult app_list(const Json& params);
  RpcResult config_get(const Json& params);
  RpcResult config_check(const Json& params);
  RpcResult config_diff(const Json& params);

  asio::awaitable<RpcResult> link_reset(Json params, Client client);
  asio::awaitable<RpcResult> ping(Json params, Client client);
  asio::awaitable<RpcResult> config_apply(Json params, Client client);
  asio::awaitable<RpcResult> config_rollback(Json params, Client client);
  asio::awaitable<RpcResult> capture_start(Json params, Client client);
  asio::awaitable<RpcResult> capture_stop(Json params, Client client);

  // Nothing when a dataplane is there to ask, and moves.
  std::optional<RpcError> dataplane_fault() const;
  // Nothing when such a peer is configured and a dataplane is there to ask.
  std::optional<RpcError> peer_fault(NodeId peer) const;
  // The error that a command's end means; nothing when it was done.
  std::optional<RpcError> outcome_fault(const DataplaneChannel::Outcome& outcome,
                                        NodeId peer) const;

  Parts parts_;
  std::map<std::string, Told> told_;
  std::map<std::string, Done> done_;
};

}  // namespace ringroad::control
