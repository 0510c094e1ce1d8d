// What the machine should do, written as plainly as possible and apart from it: ordered maps and
// vectors, everything kept, searched from end to end. Takes decoded requests of the registry, of
// leases, sessions, the clock and the log, and says what the answer should be.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/machine/driven.h"

namespace ringroad::machine {

class NaiveModel {
 public:
  struct Key {
    std::string value;
    std::uint64_t created = 0, modified = 0, version = 0, lease = 0;
  };
  struct Happened {
    EventType type;
    std::uint64_t revision;
    std::string key, value;
  };
  struct Expiring {
    std::int64_t time_to_live = 0;
    std::int64_t ends = -1;  // -1: since the last reading of the clock
  };
  struct Client : Expiring {
    std::uint64_t answered = 0;
    std::map<std::uint64_t, Answer> answers;
  };

  explicit NaiveModel(const Limits& limits) : limits_(limits) {}

  Answer apply(const Request& r) {
    ++index;
    Answer a;
    if (r.kind == Kind::kAdvanceClock) {
      a = advance(r.time.count);
    } else if (r.kind == Kind::kOpenSession) {
      if (clients.size() >= limits_.sessions_max) {
        a.status = Status::kNoRoom;
      } else {
        clients[index].time_to_live = r.time.count;
        a.value = index;
      }
    } else if (r.session != kNoClient) {
      a = once(r);
      if (a.repeated) return a;
    } else {
      a = change(r);
    }
    a.revision = Revision{revision};
    return a;
  }

  std::uint64_t index = 0, revision = 0;
  std::int64_t clock = 0;
  std::map<std::string, Key> keys;
  std::map<std::uint64_t, Expiring> leases;
  std::map<std::uint64_t, Client> clients;
  std::vector<Happened> history;
  std::vector<std::string> log;

 private:
  static Answer failed(Status status, std::uint64_t value = 0) {
    return {.status = status, .value = value};
  }

  Answer once(const Request& r) {
    const auto at = clients.find(r.session.value);
    if (at == clients.end()) return failed(Status::kSessionUnknown);
    Client& client = at->second;
    client.ends = -1;
    if (r.kind == Kind::kKeepSession) {
      return {.value = static_cast<std::uint64_t>(client.time_to_live)};
    }
    if (r.kind == Kind::kCloseSession) {
      clients.erase(at);
      return {};
    }
    if (r.answered.value > client.answered) client.answered = r.answered.value;
    while (!client.answers.empty() && client.answers.begin()->first <= client.answered) {
      client.answers.erase(client.answers.begin());
    }
    if (r.number.value <= client.answered) return failed(Status::kAlreadyAnswered);
    if (r.number.value > client.answered + limits_.session_window) {
      return failed(Status::kTooFarAhead);
    }
    const auto before = client.answers.find(r.number.value);
    if (before != client.answers.end()) {
      Answer a = before->second;
      a.repeated = true;
      return a;
    }
    Answer a = change(r);
    a.revision = Revision{revision};
    client.answers[r.number.value] = a;
    return a;
  }

  Answer change(const Request& r) {
    const std::string key = text_of(r.key);
    switch (r.kind) {
      case Kind::kPut:
        return store(key, text_of(r.value), r.lease.value);
      case Kind::kCompareAndSwap:
        return compare(r, key);
      case Kind::kDelete:
        return erase(r, key);
      case Kind::kGrantLease:
        if (leases.size() >= limits_.leases_max) return failed(Status::kNoRoom);
        leases[index].time_to_live = r.time.count;
        return {.value = index};
      case Kind::kKeepLease:
        if (!leases.contains(r.lease.value)) return failed(Status::kLeaseUnknown);
        leases[r.lease.value].ends = -1;
        return {.value = static_cast<std::uint64_t>(leases[r.lease.value].time_to_live)};
      case Kind::kRevokeLease: {
        if (!leases.contains(r.lease.value)) return failed(Status::kLeaseUnknown);
        return {.count = end_lease(r.lease.value, EventType::kDelete)};
      }
      default:
        log.push_back(text_of(r.value));
        return {.value = log.size()};
    }
  }

  Answer compare(const Request& r, const std::string& key) {
    const auto at = keys.find(key);
    const bool exists = at != keys.end();
    bool holds = false;
    if (r.has(kIfAbsent)) holds = !exists;
    if (r.has(kIfRevision)) holds = exists && at->second.modified == r.revision.value;
    if (r.has(kIfValue)) holds = exists && at->second.value == text_of(r.expected);
    if (!holds) return failed(Status::kCompareFailed, exists ? at->second.modified : 0);
    if (!r.has(kThenDelete)) return store(key, text_of(r.value), r.lease.value);
    ++revision;
    remove(key, EventType::kDelete);
    return {.count = 1};
  }

  Answer store(const std::string& key, const std::string& value, std::uint64_t lease) {
    const auto at = keys.find(key);
    const bool is_attached = at != keys.end() && at->second.lease == lease;
    if (lease != 0 && !is_attached) {
      if (!leases.contains(lease)) return failed(Status::kLeaseUnknown);
      std::uint64_t attached = 0;
      for (const auto& [k, v] : keys) attached += v.lease == lease ? 1 : 0;
      if (attached >= limits_.lease_keys_max) return failed(Status::kNoRoom);
    }
    std::uint64_t bytes = kOverheadBytes + key.size() + value.size();
    for (const auto& [k, v] : keys) {
      if (k != key) bytes += kOverheadBytes + k.size() + v.value.size();
    }
    if (bytes > limits_.registry_bytes_max) return failed(Status::kNoRoom);
    if (at == keys.end() && keys.size() >= limits_.keys_max) return failed(Status::kNoRoom);
    ++revision;
    Key& k = keys[key];
    if (k.version == 0) k.created = revision;
    k.value = value;
    k.modified = revision;
    k.lease = lease;
    ++k.version;
    history.push_back({EventType::kPut, revision, key, value});
    return {.value = k.version};
  }

  Answer erase(const Request& r, const std::string& from) {
    std::vector<std::string> found;
    for (const auto& [key, value] : keys) {
      if (r.has(kOfRange) ? key >= from && (r.end.empty() || key < text_of(r.end)) : key == from) {
        found.push_back(key);
      }
    }
    if (found.empty()) return failed(r.has(kOfRange) ? Status::kOk : Status::kNotFound);
    ++revision;
    Answer a;
    for (const std::string& key : found) {
      if (r.limit > 0 && a.count == r.limit) {
        a.more = true;
        break;
      }
      remove(key, EventType::kDelete);
      ++a.count;
    }
    return a;
  }

  void remove(const std::string& key, EventType why) {
    history.push_back({why, revision, key, ""});
    keys.erase(key);
  }

  std::uint32_t end_lease(std::uint64_t lease, EventType why) {
    std::vector<std::string> found;
    for (const auto& [key, value] : keys) {
      if (value.lease == lease) found.push_back(key);
    }
    if (!found.empty()) ++revision;
    for (const std::string& key : found) remove(key, why);
    leases.erase(lease);
    return static_cast<std::uint32_t>(found.size());
  }

  template <typename Map>
  std::vector<std::uint64_t> due(Map& map) {
    std::set<std::pair<std::int64_t, std::uint64_t>> ending;
    for (auto& [id, it] : map) {
      if (it.ends < 0) it.ends = clock + it.time_to_live;
      if (it.ends <= clock) ending.insert({it.ends, id});
    }
    std::vector<std::uint64_t> ids;
    for (const auto& [time, id] : ending) ids.push_back(id);
    return ids;
  }

  Answer advance(std::int64_t to) {
    clock = std::max(clock, to);
    for (const std::uint64_t id : due(leases)) end_lease(id, EventType::kExpire);
    for (const std::uint64_t id : due(clients)) clients.erase(id);
    return {.value = static_cast<std::uint64_t>(clock)};
  }

  Limits limits_;
};

}  // namespace ringroad::machine
