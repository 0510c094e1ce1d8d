// What a client does between two answers: thinks, asks some node, and asks again, another one or
// the same, when it is told no or runs out of patience; sometimes it gives up for good. Whatever it
// asks and is told enters the history, which World checks in the end. World owns the one object.
// Invariant: a client has one request under way at most, and repeats it under one sequence number.
#include "tests/sim/raft/clients.h"

#include <algorithm>

namespace ringroad::raft::sim {

namespace {
constexpr Nanos kWayMax = milliseconds(1);  // between a client and a node
constexpr Nanos kPatienceMax = milliseconds(500);
constexpr std::uint32_t kAttemptsMin = 4;  // before one gives up
}  // namespace

Clients::Clients(const Scenario& scenario, Scheduler& scheduler, Prng prng, Hooks hooks)
    : scenario_(scenario), scheduler_(scheduler), prng_(prng), hooks_(std::move(hooks)) {
  clients_.resize(scenario.clients);
  for (std::uint32_t i = 0; i < scenario.clients; ++i) clients_[i].id = i;
}

Nanos Clients::some_delay(Nanos most) {
  return Nanos{static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(most.count) + 1))};
}

void Clients::start() {
  for (Client& client : clients_) think(client);
}

void Clients::close() {
  is_closing_ = true;
  for (Client& client : clients_) client.left = 1;
}

bool Clients::are_resting() const {
  return std::ranges::all_of(clients_, [](const Client& c) { return c.is_resting; });
}

void Clients::think(Client& client) {
  client.operation = 0;
  if (client.left == 0) {
    client.is_resting = true;
    return;
  }
  scheduler_.after(some_delay(microseconds(scenario_.think_us_max)),
                   [this, &client] { begin(client); });
}

Command Clients::draw_command(Client& client) {
  Command command;
  command.client = client.id;
  command.key = static_cast<std::uint32_t>(prng_.below(scenario_.keys));
  command.argument = (std::uint64_t{client.id + 1} << 32) | ++last_operation_;
  static constexpr Kind kKinds[] = {Kind::kGet,
                                    Kind::kGet,
                                    Kind::kGet,
                                    Kind::kPut,
                                    Kind::kPut,
                                    Kind::kDelete,
                                    Kind::kCompareAndSwap,
                                    Kind::kCompareAndSwap};
  command.kind = kKinds[prng_.below(std::size(kKinds))];
  // The last one, after healing, has to commit.
  if (client.left == 1) command.kind = Kind::kPut;
  if (command.kind == Kind::kCompareAndSwap) command.expected = client.last_known[command.key];
  if (command.kind != Kind::kGet) command.sequence = ++client.sequence;
  return command;
}

void Clients::begin(Client& client) {
  client.command = draw_command(client);
  client.operation = last_operation_;
  client.attempt = 0;
  if (client.left != kNoEnd) --client.left;
  const Command& c = client.command;
  const bool has_argument = c.kind == Kind::kPut || c.kind == Kind::kCompareAndSwap;
  client.recorded = history_.invoke({.client = client.id,
                                     .kind = c.kind,
                                     .key = c.key,
                                     .argument = has_argument ? c.argument : 0,
                                     .expected = c.expected},
                                    scheduler_.now());
  attempt(client);
}

void Clients::attempt(Client& client) {
  ++client.attempt;
  if (!is_closing_ && client.attempt > kAttemptsMin && prng_.below(4) == 0) {
    history_.forget(client.recorded, scheduler_.now());
    think(client);
    return;
  }
  const bool is_known = client.favourite != kNoNode && prng_.below(4) != 0;
  const NodeId to = is_known ? client.favourite : hooks_.some_node();
  const Request request{client.operation, client.command};
  scheduler_.after(some_delay(kWayMax), [this, to, request] { hooks_.deliver(to, request); });
  client.favourite = to;
  // Longer each time: a cluster that is slow must not be asked ever more.
  const Nanos patience = std::min(scenario_.patience * std::int64_t{client.attempt}, kPatienceMax);
  scheduler_.after(patience,
                   [this, &client, operation = client.operation, attempt_number = client.attempt] {
                     if (client.operation != operation || client.attempt != attempt_number) return;
                     client.favourite = kNoNode;
                     attempt(client);
                   });
}

void Clients::on_reply(const Reply& reply) {
  scheduler_.after(some_delay(kWayMax), [this, reply] { take_reply(reply); });
}

void Clients::take_reply(const Reply& reply) {
  Client& client = clients_[reply.client];
  if (client.operation != reply.operation) return;  // it went on
  if (!reply.is_done) {
    client.favourite = kNoNode;
    const auto again = [this, &client, operation = client.operation, number = client.attempt] {
      if (client.operation == operation && client.attempt == number) attempt(client);
    };
    scheduler_.after(milliseconds(2) + some_delay(milliseconds(20)), again);
    return;
  }
  history_.complete(client.recorded, reply.result, scheduler_.now());
  ++completed_;
  const Command& c = client.command;
  if (c.kind == Kind::kGet) client.last_known[c.key] = reply.result;
  if (c.kind == Kind::kPut) client.last_known[c.key] = c.argument;
  if (c.kind == Kind::kDelete) client.last_known[c.key] = 0;
  think(client);
}

}  // namespace ringroad::raft::sim
