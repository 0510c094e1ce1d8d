// Which MAC address answers for which IPv4 address, for the next hops of this node's peers.
//
// Pure, of fixed size, owned by one Stack. It decides when to ask; the Stack writes the packets.
//
// Life of an entry: resolve() makes one and asks by broadcast after 0, 100 and 400 ms; unanswered
// 1.4 s after the first it is unreachable for a second and then forgotten. An answered entry serves
// for 60 s; when it was used, it is confirmed after 45 s, by three requests to the MAC itself and
// then three by broadcast, serving all the while; when it was not, it is forgotten at 60 s.
//
// Invariant: an entry in use (resolve() asked for it within the last 60 s) is evicted for nothing;
// so a flood of requests from invented hosts costs the hosts we talk to nothing. Invariant: `due_`
// counts the entries whose request waits to be sent.
//
// What it does not do: judge whether an address is on-link; authenticate (ARP cannot be: see the
// rules at learn() for what is believed).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/base/ids.h"
#include "dataplane/net/address.h"

namespace ringroad {

class ArpCache {
 public:
  static constexpr std::size_t kEntries = 256;
  static constexpr Nanos kReachableFor = seconds(60);
  static constexpr Nanos kConfirmAfter = seconds(45);
  static constexpr Nanos kUnreachableFor = seconds(1);
  // A use is noted at most this often, and a cached answer is good for as long.
  static constexpr Nanos kUseNotedEvery = seconds(1);
  static constexpr std::array<Nanos, 3> kRetryAfter = {milliseconds(100), milliseconds(300),
                                                       milliseconds(1'000)};

  enum class Answer : std::uint8_t { kReady, kResolving, kUnreachable, kFull };
  struct Resolution {
    Answer answer = Answer::kResolving;
    MacAddress mac;       // when kReady
    Nanos fresh_until{};  // when kReady: ask again then, or when generation() has changed
  };
  // What is known of `address`; starts to ask when nothing is, and notes the use.
  Resolution resolve(Ipv4Address address, Nanos now);

  // What an ARP packet said of its sender, and how far it is believed.
  enum class Claim : std::uint8_t {
    kReply,       // to us: believed only while we are asking
    kRequest,     // for our address: updates an entry, or takes a slot nobody uses
    kGratuitous,  // about itself: updates an entry, never makes one
  };
  // Returns whether anything was believed.
  bool learn(Claim claim, Ipv4Address address, MacAddress mac, Nanos now);

  // The next request to send, to the broadcast address or to the MAC to be confirmed.
  struct Request {
    Ipv4Address target;
    MacAddress to;
  };
  std::optional<Request> poll_request();
  bool has_request() const { return due_ > 0; }

  // Runs what is due. Cheap before next_deadline().
  void on_time(Nanos now);
  Nanos next_deadline() const { return next_deadline_; }

  // Changes whenever an answer given before may have become wrong. Never 0.
  std::uint32_t generation() const { return generation_; }
  std::size_t size() const;

 private:
  enum class State : std::uint8_t { kFree, kResolving, kReachable, kConfirming, kUnreachable };
  struct Entry {
    State state = State::kFree;
    bool request_due = false;
    std::uint8_t requests = 0;  // sent, or due, since asking began
    MacAddress mac;
    Nanos confirmed{};
    Nanos used{};
    Nanos deadline = kNever;
    bool was_used = false;  // since it was last confirmed
    bool ever_used = false;
  };

  std::optional<std::size_t> find(Ipv4Address address) const;
  // A slot for a new entry: a free one, or one that nobody uses.
  std::optional<std::size_t> claim_slot(Ipv4Address address, Nanos now);
  static bool in_use(const Entry& entry, Nanos now);
  void ask(Entry& entry, State state, Nanos now);
  void ask_again(Entry& entry, Nanos now);
  void confirm(Entry& entry, MacAddress mac, Nanos now);
  void on_deadline(Entry& entry, Nanos now);
  void set_due(Entry& entry, bool due);
  void set_deadline(Entry& entry, Nanos deadline);
  void forget_answers();

  std::array<std::uint32_t, kEntries> addresses_{};  // apart from the entries: scanned
  std::array<Entry, kEntries> entries_{};
  std::size_t due_ = 0;
  std::size_t next_scan_ = 0;
  Nanos next_deadline_ = kNever;
  std::uint32_t generation_ = 1;
};

}  // namespace ringroad
