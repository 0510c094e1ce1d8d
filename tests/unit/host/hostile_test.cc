// Programs that do not keep to the protocol, each speaking to a whole host channel over its real
// socket and shared memory: whatever they do, the node goes on serving the others, and gets back
// what it gave them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "dataplane/base/prng.h"
#include "dataplane/client/dist_net.h"
#include "dataplane/host/socket.h"
#include "tests/unit/host/fake_node.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace ringroad::host::test {
namespace {

std::size_t count_lines(const char* path, const char* text) {
  std::FILE* file = std::fopen(path, "r");
  char line[4096];
  std::size_t count = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    count += std::strstr(line, text) != nullptr ? 1 : 0;
  }
  std::fclose(file);
  return count;
}
std::size_t mapped_segments() { return count_lines("/proc/self/maps", "memfd:ringroad"); }
std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// A program that speaks the protocol by hand, as well or as badly as a test wants.
class RawProgram {
 public:
  explicit RawProgram(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socket = Descriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    connected =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawProgram() {
    if (data != nullptr) ::munmap(data, offer.geometry.segment_bytes);
  }
  RawProgram(const RawProgram&) = delete;
  RawProgram& operator=(const RawProgram&) = delete;

  template <typename Message>
  bool say(const Message& said) {
    return send_message(socket.get(), said) == SocketResult::kDone;
  }
  // The next message; false when the dataplane hung up instead.
  bool hear() {
    SocketResult result = SocketResult::kAgain;
    return eventually([&] {
             return (result = receive_message(socket.get(), message)) != SocketResult::kAgain;
           }) &&
           result == SocketResult::kDone;
  }
  bool is_hung_up() {
    while (hear()) {
    }
    return true;
  }

  bool greet(const char* name = "") {
    auto hello = make_message<Hello>();
    hello.protocol_version = kProtocolVersion;
    hello.layout_version = kLayoutVersion;
    std::strncpy(hello.name, name, sizeof hello.name - 1);
    if (!say(hello) || !hear() || message.as<Offer>() == nullptr) return false;
    offer = *message.as<Offer>();
    memory = std::move(message.descriptors[0]);
    bell = std::move(message.descriptors[1]);
    return true;
  }
  bool map() {
    data = static_cast<std::byte*>(::mmap(nullptr, offer.geometry.segment_bytes,
                                          PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0));
    return data != MAP_FAILED && say(make_message<Mapped>()) && hear() &&
           message.as<Answer>() != nullptr && message.as<Answer>()->reply == Reply::kDone;
  }
  bool attach() { return connected && greet() && map(); }
  bool bind(std::uint32_t type) {
    auto bind = make_message<Bind>();
    bind.type = type;
    bind.mode = static_cast<std::uint32_t>(BindMode::kExclusive);
    return say(bind) && hear() && message.as<Answer>()->reply == Reply::kDone;
  }
  bool unbind(std::uint32_t type) {
    auto unbind = make_message<Unbind>();
    unbind.type = type;
    unbind.mode = static_cast<std::uint32_t>(BindMode::kExclusive);
    return say(unbind) && hear() && message.as<Answer>()->reply == Reply::kDone;
  }

  ChannelControl& control() { return *reinterpret_cast<ChannelControl*>(data); }
  void put(const TransmitDescriptor& descriptor) {
    auto* ring = reinterpret_cast<TransmitDescriptor*>(data + offer.geometry.transmit_ring);
    ring[tail_++ % kTransmitRing] = descriptor;
    control().application.transmit_tail.store(tail_, std::memory_order_release);
  }
  Verdict verdict() { return control().verdict.value.load(); }

  Descriptor socket, memory, bell;
  SocketMessage message;
  Offer offer{};
  std::byte* data = nullptr;
  bool connected = false;

 private:
  std::uint32_t tail_ = 0;
};

// Any test may end by asking this: a well-behaved program attaches, and its message to itself comes
// back.
void expect_alive(const NodeThread& node) {
  const dist_net_options_t options{nullptr, node.socket.c_str(), nullptr, 0, 0};
  dist_net_context_t* context = nullptr;
  ASSERT_EQ(dist_net_open(&options, &context), DIST_NET_SUCCESS) << dist_net_last_error();
  ASSERT_EQ(dist_net_bind(context, 4711, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  dist_net_outgoing_t message{1, 4711, 4, 0, 0, "alive", 5, 0};
  ASSERT_EQ(dist_net_send(context, &message, 1), 1U) << dist_net_last_error();
  dist_net_message_t received;
  EXPECT_TRUE(eventually([&] { return dist_net_receive(context, &received, 1) == 1; }));
  dist_net_release(context, &received, 1);
  dist_net_close(context);
}

constexpr TransmitDescriptor kGood{0, 1, 7, 0, 1, 4};

TEST(Hostile, GarbageDescriptorsAreCountedAndEndTheConversation) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.attach());
  const std::uint32_t arena = program.offer.geometry.transmit_arena_bytes;
  for (std::uint32_t i = 0; i < kViolationsMax; ++i) {
    EXPECT_EQ(program.verdict(), Verdict::kAttached) << i;
    TransmitDescriptor bad = kGood;
    if (i % 4 == 0) bad.offset = arena + 1;
    if (i % 4 == 1) bad.length = arena + 1;
    if (i % 4 == 2) bad.offset = ~0U, bad.length = 2;  // wraps
    if (i % 4 == 3) bad.options |= 0x80;
    program.put(bad);
    program.control().dataplane_asleep.value.load();
    ASSERT_TRUE(eventually([&] {
      return program.control().dataplane.transmit_head.load() == i + 1 ||
             program.verdict() != Verdict::kAttached;
    }));
  }
  EXPECT_TRUE(eventually([&] { return program.verdict() == Verdict::kGarbage; }));
  EXPECT_TRUE(program.is_hung_up());
  expect_alive(node);
}

TEST(Hostile, RandomDescriptorsAndIndicesHarmNobodyElse) {
  NodeThread node;
  Prng prng{20240607};
  for (int round = 0; round < 40; ++round) {
    RawProgram program{node.socket};
    ASSERT_TRUE(program.attach()) << round;
    auto* words = reinterpret_cast<volatile std::uint64_t*>(program.data);
    const std::uint64_t control_words = program.offer.geometry.transmit_arena / 8;
    // Half the rounds scribble over everything that is shared, geometry-bearing or not; the others
    // keep the indices plausible so that the descriptors are read.
    for (int i = 0; i < 4'000 && program.verdict() == Verdict::kAttached; ++i) {
      if (round % 2 == 0) {
        words[prng.below(control_words)] = prng.next();
      } else {
        TransmitDescriptor random;
        const std::uint64_t bits[2] = {prng.next(), prng.next()};
        std::memcpy(&random, bits, sizeof random);
        if (prng.below(2) == 0)
          random.offset %= 4096, random.length %= 4096, random.options &= 0x1f;
        if (prng.below(4) == 0) random.to = kToPeers;
        program.put(random);
      }
    }
    EXPECT_TRUE(eventually([&] {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto rang = ::write(program.bell.get(), &one, sizeof one);
      return round % 2 == 0 || program.verdict() != Verdict::kAttached;
    })) << round;
  }
  expect_alive(node);
}

TEST(Hostile, AnIndexThatCannotBeIsGarbage) {
  NodeThread node;
  for (int which = 0; which < 2; ++which) {
    RawProgram program{node.socket};
    ASSERT_TRUE(program.attach());
    auto& indices = program.control().application;
    (which == 0 ? indices.transmit_tail : indices.return_tail).store(0x8000'0000);
    EXPECT_TRUE(eventually([&] { return program.verdict() == Verdict::kGarbage; })) << which;
  }
  expect_alive(node);
}

TEST(Hostile, ReturnsOfSlotsNeverGivenAreGarbage) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.attach());
  auto* returns =
      reinterpret_cast<std::uint32_t*>(program.data + program.offer.geometry.return_ring);
  for (std::uint32_t i = 0; i < kViolationsMax; ++i) returns[i] = i * 0x10001;
  program.control().application.return_tail.store(kViolationsMax);
  EXPECT_TRUE(eventually([&] { return program.verdict() == Verdict::kGarbage; }));
  expect_alive(node);
}

TEST(Hostile, TheSegmentCanNeitherShrinkNorGrowNorBePunchedNorBeMappedAnew) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.attach());
  const int memory = program.memory.get();
  const auto bytes = static_cast<off_t>(program.offer.geometry.segment_bytes);
  EXPECT_NE(::ftruncate(memory, 0), 0);
  EXPECT_NE(::ftruncate(memory, bytes / 2), 0);
  EXPECT_NE(::ftruncate(memory, bytes * 2), 0);
  EXPECT_NE(::fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes), 0);
  EXPECT_NE(::madvise(program.data, static_cast<std::size_t>(bytes), MADV_REMOVE), 0);
  EXPECT_NE(::fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_NE(::pwrite(memory, "x", 1, 0), 1);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0), MAP_FAILED);
  // Opened again by its name under /proc: the seals are the inode's, not the descriptor's.
  const std::string again = "/proc/self/fd/" + std::to_string(memory);
  const Descriptor reopened{::open(again.c_str(), O_RDWR | O_CLOEXEC)};
  ASSERT_TRUE(reopened.valid());
  EXPECT_NE(::ftruncate(reopened.get(), 0), 0);
  EXPECT_NE(::fallocate(reopened.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes), 0);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reopened.get(), 0),
            MAP_FAILED);
  expect_alive(node);
}

TEST(Hostile, HolesPunchedBeforeTheSealAreFilledBeforeTheArenaIsLive) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.greet());
  const auto bytes = static_cast<off_t>(program.offer.geometry.segment_bytes);
  ASSERT_EQ(::fallocate(program.memory.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes),
            0);
  ASSERT_TRUE(program.map());
  struct stat status{};
  ASSERT_EQ(::fstat(program.memory.get(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, bytes);
  expect_alive(node);
}

TEST(Hostile, MalformedSocketMessagesAreHungUpOn) {
  NodeThread node;
  const auto hung_up_after = [&](std::span<const std::byte> bytes, bool attached) {
    RawProgram program{node.socket};
    if (attached && !program.attach()) return false;
    return ::send(program.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0 &&
           program.is_hung_up();
  };
  std::vector<std::byte> huge(64 * 1024, std::byte{0x5a});
  const auto hello = [] {
    auto message = make_message<Hello>();
    message.protocol_version = kProtocolVersion;
    message.layout_version = kLayoutVersion;
    return message;
  };
  auto flags = hello();
  flags.flags = 0x100;
  auto short_hello = hello();
  short_hello.header.bytes = 8;
  auto bad_mode = make_message<Bind>();
  bad_mode.mode = 77;
  for (const bool attached : {false, true}) {
    EXPECT_TRUE(hung_up_after(huge, attached));
    EXPECT_TRUE(hung_up_after(std::span{huge}.first(3), attached));
    EXPECT_TRUE(hung_up_after(std::span{huge}.first(kSocketMessageMax), attached));
    EXPECT_TRUE(hung_up_after(std::as_bytes(std::span{&flags, 1}), attached));
    EXPECT_TRUE(hung_up_after(std::as_bytes(std::span{&short_hello, 1}), attached));
    EXPECT_TRUE(hung_up_after(std::as_bytes(std::span{&bad_mode, 1}), attached));
  }
  // Before its time.
  const auto mapped = make_message<Mapped>();
  EXPECT_TRUE(hung_up_after(std::as_bytes(std::span{&mapped, 1}), false));
  EXPECT_TRUE(hung_up_after(std::as_bytes(std::span{&mapped, 1}), true));
  expect_alive(node);
}

TEST(Hostile, AnotherReleaseIsToldSo) {
  NodeThread node;
  RawProgram program{node.socket};
  auto hello = make_message<Hello>();
  hello.protocol_version = kProtocolVersion + 1;
  hello.layout_version = kLayoutVersion;
  ASSERT_TRUE(program.say(hello) && program.hear());
  ASSERT_NE(program.message.as<Answer>(), nullptr);
  EXPECT_EQ(program.message.as<Answer>()->reply, Reply::kVersion);
}

TEST(Hostile, DescriptorsNobodyAskedForAreClosed) {
  NodeThread node;
  const std::size_t before = open_descriptors();
  {
    RawProgram program{node.socket};
    const int unwanted[] = {0, 1, 2, 0};
    ASSERT_EQ(send_message(program.socket.get(), make_message<Hello>(), unwanted),
              SocketResult::kDone);
    EXPECT_TRUE(program.is_hung_up());
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }));
}

TEST(Hostile, AFloodOfConnectionsLeavesRoomOnceItIsOver) {
  NodeThread node;
  std::vector<std::unique_ptr<RawProgram>> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(std::make_unique<RawProgram>(node.socket));
  // Applications up to the limit, and no further.
  flood.clear();
  std::size_t attached = 0;
  for (int i = 0; i < 40; ++i) {
    auto program = std::make_unique<RawProgram>(node.socket);
    if (program->attach()) ++attached;
    flood.push_back(std::move(program));
  }
  EXPECT_EQ(attached, 16U);
  flood.clear();
  EXPECT_TRUE(eventually([&] { return node.attached == 0; }));
  expect_alive(node);
}

TEST(Hostile, NamesThatWouldBeGivenToOthersKeepNobodyOut) {
  NodeThread node;
  std::vector<std::unique_ptr<RawProgram>> programs;
  std::string own;
  std::ifstream("/proc/self/comm") >> own;
  for (const std::string& name : {own, own + "-2", own + "-5", own + "-16"}) {
    programs.push_back(std::make_unique<RawProgram>(node.socket));
    ASSERT_TRUE(programs.back()->greet(name.c_str()) && programs.back()->map()) << name;
  }
  while (programs.size() < 16) {
    programs.push_back(std::make_unique<RawProgram>(node.socket));
    ASSERT_TRUE(programs.back()->attach()) << programs.size();
  }
}

TEST(Hostile, OneProgramCannotTakeAllBindingsOfTheNode) {
  NodeThread node;
  constexpr std::uint32_t kEach = 1'024 / 16;  // of LimitsConfig's 16 applications
  RawProgram greedy{node.socket}, modest{node.socket};
  ASSERT_TRUE(greedy.attach() && modest.attach());
  for (std::uint32_t type = 0; type < kEach; ++type) ASSERT_TRUE(greedy.bind(type)) << type;
  EXPECT_FALSE(greedy.bind(kEach));
  EXPECT_EQ(greedy.message.as<Answer>()->reply, Reply::kTooMany);
  EXPECT_TRUE(greedy.bind(0));  // is bound already
  EXPECT_TRUE(modest.bind(kEach));
  EXPECT_FALSE(modest.bind(0));
  EXPECT_EQ(modest.message.as<Answer>()->reply, Reply::kTaken);
  // What was not bound gives nothing back; what was, does.
  EXPECT_TRUE(greedy.unbind(kEach));
  EXPECT_FALSE(greedy.bind(kEach + 1));
  EXPECT_TRUE(greedy.unbind(0));
  EXPECT_TRUE(greedy.bind(kEach + 1));
  // What it was refused counts for nobody.
  for (std::uint32_t type = 1; type < kEach; ++type) {
    ASSERT_TRUE(modest.bind(1'000 + type)) << type;
  }
  EXPECT_FALSE(modest.bind(2'000));
  expect_alive(node);
}

TEST(Hostile, OneThatNeverFinishesAttachingIsLate) {
  TemporaryDirectory directory;
  FakeNode node{NodeId{1}, {NodeId{2}}};
  auto server = HostServer::create(server_config(directory.path() + "/s", node));
  ASSERT_TRUE(server.ok()) << server.status();
  HostServer& host = **server;
  RawProgram silent{directory.path() + "/s"}, slow{directory.path() + "/s"};
  host.service(Nanos{0});
  auto hello = make_message<Hello>();
  hello.protocol_version = kProtocolVersion;
  hello.layout_version = kLayoutVersion;
  ASSERT_TRUE(slow.say(hello));
  host.service(seconds(1));
  EXPECT_EQ(host.next_deadline(), seconds(2));
  host.service(seconds(2));
  EXPECT_EQ(host.statistics().late, 1U);
  host.service(seconds(3));
  EXPECT_EQ(host.statistics().late, 2U);
  EXPECT_EQ(host.next_deadline(), kNever);
  EXPECT_TRUE(silent.is_hung_up());
  EXPECT_TRUE(slow.is_hung_up());
}

TEST(Hostile, OneThatNeverReadsBlocksOnlyItself) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.attach() && program.bind(7));
  // Sends to itself for ever and reads neither messages nor completions.
  for (std::uint32_t i = 0; i < 3 * kCompletionRing; ++i) {
    TransmitDescriptor descriptor = kGood;
    descriptor.token = static_cast<std::uint16_t>(2 * i);  // never consecutive: a completion each
    const bool has_room = eventually([&] {
      if (program.control().dataplane.completion_tail.load() >= 3 * kReceiveSlots / 4) return true;
      return i - program.control().dataplane.transmit_head.load() < kTransmitRing;
    });
    ASSERT_TRUE(has_room) << i;
    if (i - program.control().dataplane.transmit_head.load() >= kTransmitRing) break;
    program.put(descriptor);
  }
  EXPECT_LE(program.control().dataplane.receive_tail.load(), kReceiveSlots);
  EXPECT_EQ(program.verdict(), Verdict::kAttached);
  expect_alive(node);
}

TEST(Hostile, KilledProgramsGiveEverythingBack) {
  NodeThread node;
  node.node.peer(2).answers = false;  // some die with messages in flight
  const std::size_t segments = mapped_segments(), descriptors = open_descriptors();
  expect_alive(node);
  ASSERT_TRUE(eventually([&] { return node.attached == 0; }));
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      RawProgram program{node.socket};
      if (!program.attach() || !program.bind(7)) ::_exit(1);
      // Sends to the silent peer and to itself, and never returns what it receives.
      for (std::uint32_t i = 0;; ++i) {
        if (i - program.control().dataplane.transmit_head.load() >= kTransmitRing) continue;
        TransmitDescriptor descriptor = kGood;
        descriptor.to = i % 2 == 0 ? 1 : 2;
        descriptor.token = static_cast<std::uint16_t>(i);
        program.put(descriptor);
      }
    }
    ASSERT_GT(child, 0);
    EXPECT_TRUE(eventually([&] { return node.attached == 1; })) << round;
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(eventually([&] { return node.attached == 0; })) << round;
  }
  EXPECT_TRUE(eventually([&] {
    return mapped_segments() == segments && open_descriptors() == descriptors;
  })) << mapped_segments()
      << " segments, " << open_descriptors() << " descriptors";
  expect_alive(node);
}

TEST(Hostile, ABellThatIsRungForEverOrMadeBlockingStopsNobody) {
  NodeThread node;
  RawProgram program{node.socket};
  ASSERT_TRUE(program.attach());
  // Fill the counter, then make the shared file description blocking.
  const std::uint64_t most = ~std::uint64_t{0} - 1;
  EXPECT_EQ(::write(program.bell.get(), &most, sizeof most), 8);
  EXPECT_EQ(::fcntl(program.bell.get(), F_SETFL, 0), 0);
  expect_alive(node);
  std::uint64_t drained = 0;
  EXPECT_EQ(::read(program.bell.get(), &drained, sizeof drained), 8);
  expect_alive(node);
}

TEST(Server, AStaleSocketIsReplacedAndOneInUseIsNot) {
  TemporaryDirectory directory;
  FakeNode node{NodeId{1}, {}};
  const auto config = server_config(directory.path() + "/deep/er/s", node);
  auto first = HostServer::create(config);
  ASSERT_TRUE(first.ok()) << first.status();
  struct stat status{};
  ASSERT_EQ(::stat(config.socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  EXPECT_FALSE(HostServer::create(config).ok());
  // What a killed dataplane leaves: a socket file nobody listens on.
  const std::string stale = directory.path() + "/stale";
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, stale.data(), stale.size());
    const Descriptor left{::socket(AF_UNIX, SOCK_SEQPACKET, 0)};
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(HostServer::create(server_config(stale, node)).ok());
  auto unknown_group = server_config(directory.path() + "/g", node);
  unknown_group.group = "no-such-group-here";
  EXPECT_FALSE(HostServer::create(unknown_group).ok());
}

}  // namespace
}  // namespace ringroad::host::test
