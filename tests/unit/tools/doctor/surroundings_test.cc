// The port, sockets, disks and what was left behind, each well once and then with its fault
// planted.
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "dataplane/base/check.h"
#include "planted_machine.h"

namespace ringroad::cli {
namespace {

using Doctor = PlantedMachine;
constexpr Severity kOk = Severity::kOk;
constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kWrong = Severity::kWrong;

TEST_F(Doctor, LooksAtTheInterfaceAPortStandsOn) {
  expect("port 0", kOk, "eth9 is up, driver i40e");
  plant("/sys/class/net/eth9/carrier", "0");
  expect("port 0", kWrong, "has no carrier", "ip link show eth9");
  plant("/sys/class/net/eth9/flags", "0x1002");
  expect("port 0", kWrong, "eth9 is down", "sudo ip link set dev eth9 up");
  config().ports[0].interface = "eth8";
  expect("port 0", kWrong, "no interface is named \"eth8\" (there are: eth9)", "ip link show");
}

TEST_F(Doctor, WarnsOfAPortOnAnotherNumaNodeThanItsLoop) {
  config().cpu.io = {1};
  expect("port 0", kOk, "eth9 is up");
  plant("/sys/class/net/eth9/device/numa_node", "1");
  expect("port 0", kWarning, "eth9 is on NUMA node 1, its loop's CPU 1 on node 0",
         "name CPUs of node 1 in /cpu/io: 2-3,6-7");
  plant("/sys/class/net/eth9/device/numa_node", "-1");
  expect("port 0", kOk, "eth9 is up");
}

TEST_F(Doctor, ComparesMtus) {
  expect("MTU", kOk, "MTU 1500, eth9 carries 1500");
  config().ports[0].mtu = 9'000;
  expect("MTU", kWrong, "MTU 9000 is configured, eth9 carries 1500",
         "sudo ip link set dev eth9 mtu 9000");
}

TEST_F(Doctor, ComparesTheMtusOfWhatAnInterfaceBelongsToAndLiesOn) {
  plant("/sys/class/net/br0/mtu", "1400");
  plant_link("/sys/class/net/eth9/master", "../br0");
  expect("MTU", kWrong, "MTU 1500 is configured, br0 carries 1400", "dev br0 mtu 1500");
  plant("/sys/class/net/br0/mtu", "1500");
  plant("/sys/class/net/bond0/mtu", "1280");
  plant_link("/sys/class/net/eth9/lower_bond0", "../bond0");
  expect("MTU", kWrong, "MTU 1500 is configured, bond0 carries 1280", "dev bond0 mtu 1500");
  plant("/sys/class/net/bond0/mtu", "9000");
  expect("MTU", kOk, "eth9 carries 1500, br0 carries 1500, bond0 carries 9000");
}

TEST_F(Doctor, LooksForTheOtherEndOfAMemif) {
  PortConfig& port = config().ports[0];
  port = {.kind = PortKind::kMemif, .socket = "/run/ringroad/fabric.sock"};
  expect("port 0", kWarning, "nobody serves /run/ringroad/fabric.sock",
         "ringroad-fabric run --socket /run/ringroad/fabric.sock");
  plant_listeners({{"/run/ringroad/fabric.sock", "42"}});
  expect("port 0", kOk, "/run/ringroad/fabric.sock is served");
  port.master = true;
  port.socket = "/srv/nowhere/memif.sock";
  expect("port 0", kWrong, "there is no folder /srv/nowhere", "mkdir -p /srv/nowhere");
  port.buffer_bytes = 2'048;
  expect("MTU", kWarning, "takes several buffers of 2048 bytes", "/ports/0/buffer_bytes");
  port.buffer_bytes = 0;
  expect("MTU", kOk, "MTU 9000");
}

TEST_F(Doctor, WantsTheTunDeviceForATap) {
  config().ports[0] = {.kind = PortKind::kTap, .mtu = 1'500, .interface = "rr0"};
  expect("port 0", kWrong, "/dev/net/tun is not there", "sudo modprobe tun");
  plant("/dev/net/tun", "");
  expect("port 0", kOk, "tap rr0 will be made");
}

TEST_F(Doctor, SaysWhoHasTheMetricsPort) {
  expect("metrics", kOk, "127.0.0.1:9090 is free");
  // Port 9090 (0x2382) of 127.0.0.1: an old connection of it, then also a listener.
  const std::string head =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
  const std::string rest = " 00000000:00000000 00:00000000 00000000 0 0 4242 1";
  const std::string connection = "   0: 0100007F:2382 0100007F:9999 06" + rest;
  plant("/proc/net/tcp", head + connection);
  expect("metrics", kOk, "127.0.0.1:9090 is free");
  plant("/proc/net/tcp", head + connection + "\n   1: 0100007F:2382 00000000:0000 0A" + rest);
  expect("metrics", kWarning, "taken by a program that is not readable", "127.0.0.1:9091");
  plant_owner(77, "prometheus", "4242");
  expect("metrics", kWarning, "taken by prometheus (process 77)", "set /metrics/listen");
  plant("/proc/77/comm", "ringroad-contro");
  expect("metrics", kOk, "served by ringroad-contro (process 77)");
  config().metrics.listen = "127.0.0.1:9091";
  expect("metrics", kOk, "127.0.0.1:9091 is free");
  config().metrics.listen = "0.0.0.0:9090";
  expect("metrics", kOk, "served by ringroad-contro");
  config().metrics.listen = "";
  expect("metrics", kOk, "not served");
}

// Two nodes of one machine whose files name the same port: the second serves at the next one.
TEST_F(Doctor, LooksForMetricsWhereTheNodeSaysAndNotAtItsNeighbour) {
  const std::string rest = " 00000000:00000000 00:00000000 00000000 0 0 ";
  plant("/proc/net/tcp",
        "  sl  local_address rem_address   st\n   0: 0100007F:2382 00000000:0000 0A" + rest +
            "4242 1\n   1: 0100007F:2383 00000000:0000 0A" + rest + "4243 1");
  plant_owner(77, "ringroad-contro", "4242");
  plant_owner(78, "ringroad-contro", "4243");
  examination_.status = {{"metrics_listen", "127.0.0.1:9091"}, {"control", {{"process_id", 78}}}};
  expect("metrics", kOk,
         "127.0.0.1:9091 is served by ringroad-contro (process 78); 127.0.0.1:9090 is "
         "ringroad-contro (process 77)'s");
  plant("/proc/77/comm", "prometheus");
  expect("metrics", kWarning,
         "127.0.0.1:9090 is taken by prometheus (process 77); metrics are at 127.0.0.1:9091",
         "set /metrics/listen");
  remove("/proc/78");
  config().metrics.listen = "127.0.0.1:0";
  expect("metrics", kOk, "127.0.0.1:9091 is served, as the node says");
  config().metrics.listen = "";  // changed since it started
  expect("metrics", kOk, "127.0.0.1:9091 is served, as the node says");
}

TEST_F(Doctor, SaysWhoHasTheNodesSockets) {
  const std::string host = "/run/ringroad/node-1.sock";
  const std::string control = "/run/ringroad/node-1-control.sock";
  expect("sockets", kOk, host + " is free");
  plant_listeners({{host, "4243"}, {control, "4244"}});
  expect("sockets", kOk, "by whom is not readable to this user");
  plant_owner(78, "nginx", "4243");
  expect("sockets", kWrong, host + " is taken by nginx (process 78)", "kill 78");
  plant("/proc/78/comm", "ringroad-datapl");
  expect("sockets", kOk, "served by ringroad-datapl (process 78)");
  plant("/proc/78/cmdline", std::string("/usr/bin/ringroad-dataplane\0--config\0f", 39));
  expect("sockets", kOk, "served by ringroad-dataplane (process 78)");
}

TEST_F(Doctor, CallsASocketWrongWhoseProcessIsHalted) {
  plant_listeners(
      {{"/run/ringroad/node-1.sock", "4243"}, {"/run/ringroad/node-1-control.sock", "4244"}});
  plant_owner(101, "ringroad-datapl", "4243");
  expect("sockets", kOk, "served");
  plant("/proc/101/stat", "101 (ringroad-datapl) T 1 1");
  expect("sockets", kWrong, "/run/ringroad/node-1.sock does not answer: ringroad-datapl",
         "kill -CONT 101");
}

TEST_F(Doctor, MissesTheOtherProcessOfANode) {
  const std::string host = "/run/ringroad/node-1.sock";
  const std::string control = "/run/ringroad/node-1-control.sock";
  plant_listeners({{host, "4243"}});
  expect("sockets", kWarning, "its control process does not: nobody serves " + control,
         "sudo systemctl start ringroad-control@1");
  plant_listeners({{control, "4244"}});
  expect("sockets", kWrong, "its dataplane does not run: nobody serves " + host,
         "sudo systemctl start ringroad-dataplane@1");
}

TEST_F(Doctor, SaysOnceThatAControlProcessIsMissed) {
  const std::string host = "/run/ringroad/node-1.sock";
  examination_.is_control_missed = true;
  plant_listeners({{host, "4243"}});
  EXPECT_EQ(worst("sockets").severity, kOk);
  EXPECT_TRUE(says("sockets", "the dataplane runs and its control process does not"));
  plant_listeners({});
  expect("sockets", kWrong, "its dataplane does not run: nobody serves " + host,
         "sudo systemctl start ringroad-dataplane@1");
}

TEST_F(Doctor, NamesTheScriptThatDeployedTheNode) {
  PortConfig& port = config().ports[0];
  port = {.kind = PortKind::kMemif, .socket = "/run/ringroad/fabric.sock"};
  examination_.is_control_missed = true;
  plant("/run/ringroad/deployment/deployment", "cluster=demo");
  plant("/run/ringroad/deployment/node-2.json", "{}");
  expect("sockets", kWrong, "dataplane", "sudo systemctl start ringroad-dataplane@1");
  plant("/run/ringroad/deployment/node-1.json", "{}");
  expect("sockets", kWrong, "dataplane", "tools/deploy_distributed.sh start 1 dataplane");
  expect("port 0", kWrong, "nobody serves /run/ringroad/fabric.sock",
         "tools/deploy_distributed.sh restart fabric");
  remove("/run/ringroad/deployment");
  plant("/run/ringroad/deployment", "cluster=demo");
  plant("/run/ringroad/node-1.json", "{}");
  expect("sockets", kWrong, "dataplane",
         "tools/deploy_distributed.sh start 1 dataplane --directory /run/ringroad");
}

TEST_F(Doctor, MeasuresFlushesAndRoom) {
  expect("flush", kOk, "4 KB written and flushed in /var/lib/ringroad: median ");
  const Finding room = worst("disk");
  EXPECT_NE(room.text.find(" free in /run/ringroad"), std::string::npos) << room.text;
}

// As another user than root, whom nothing is denied to.
class AsNobody {
 public:
  AsNobody() : is_root_(geteuid() == 0) { RR_CHECK(!is_root_ || seteuid(65'534) == 0); }
  ~AsNobody() { RR_CHECK(!is_root_ || seteuid(0) == 0); }

 private:
  bool is_root_;
};

TEST_F(Doctor, CallsNoFolderWellThatItMayNotLookInto) {
  const auto allow = [this](const char* folder, int mode) {
    ASSERT_EQ(chmod(real(folder).c_str(), static_cast<mode_t>(mode)), 0) << strerror(errno);
  };
  allow("/", 0755);
  {
    const AsNobody nobody;
    expect("left files", kOk, "no hugepages");
  }
  allow("/run/ringroad", 0);
  allow("/var/lib/ringroad", 0);
  {
    const AsNobody nobody;
    expect("left files", kWarning, "not known: this user may not look into /run/ringroad", "sudo");
    expect("flush", kWarning, "not known: this user may not write to", "sudo ringroad doctor");
  }
  allow("/run/ringroad", 0755);
  allow("/dev/hugepages", 0);
  {
    const AsNobody nobody;
    expect("left files", kWarning, "may not look into /dev/hugepages", "sudo");
  }
  for (const char* folder : {"/dev/hugepages", "/var/lib/ringroad"}) allow(folder, 0755);
}

TEST_F(Doctor, SaysThatADiskIsFull) {
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
    GTEST_SKIP() << "mounting a small disk takes root";
  }
  const std::string state = real("/var/lib/ringroad");
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << strerror(errno);
  ASSERT_EQ(mount("tmpfs", state.c_str(), "tmpfs", 0, "size=2M"), 0) << strerror(errno);
  expect("disk", kWarning, "2 MB free in /var/lib/ringroad", "df -h /var/lib/ringroad");
  {
    std::ofstream filler(state + "/filler", std::ios::binary);
    const std::string block(65'536, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  expect("disk", kWrong, "/var/lib/ringroad is full", "df -h /var/lib/ringroad");
  expect("flush", kWrong, "/var/lib/ringroad is full: nothing can be written",
         "df -h /var/lib/ringroad");
  EXPECT_EQ(umount(state.c_str()), 0);
}

TEST_F(Doctor, FindsPacketBuffersThatAreNotGivenBack) {
  expect("buffers", kOk, "no running node tells");
  nlohmann::json status = {{"buffers_total", 4'095},
                           {"buffers_free", 2'000},
                           {"loops", {{{"name", "io 0"}, {"busy_share", 0.001}}}}};
  examination_.status = status;
  expect("buffers", kOk, "2,000 of 4,095 packet buffers free");
  status["buffers_free"] = 95;
  examination_.status = status;
  expect("buffers", kWrong, "4,000 are not given back",
         "sudo systemctl restart ringroad-dataplane@1");
  status["loops"][0]["busy_share"] = 0.7;  // under load they are in use
  examination_.status = status;
  expect("buffers", kOk, "95 of 4,095");
  status["buffers_free"] = 0;
  examination_.status = status;
  expect("buffers", kWarning, "packets are refused", "set /memory/buffers to more than 4095");
}

TEST_F(Doctor, IsNotMisledByAStatusOfAnotherShape) {
  for (const nlohmann::json& status :
       {nlohmann::json("text"), nlohmann::json::array({1, 2}),
        nlohmann::json{{"buffers_total", -1}, {"buffers_free", "many"}, {"loops", 3}},
        nlohmann::json{{"buffers_total", 1}, {"buffers_free", 9}, {"dataplane", {1}}},
        nlohmann::json{{"buffers_total", 9}, {"buffers_free", 0}, {"loops", {1, {{"a", 1}}}}}}) {
    examination_.status = status;
    EXPECT_GE(all().size(), 20u) << status;
  }
}

TEST_F(Doctor, FindsHugepagesOfProgramsThatAreGone) {
  plant("/dev/hugepages/rtemap_0", "");
  expect("left files", kWarning, "hugepages of a program that is gone: /dev/hugepages/rtemap_0",
         "sudo rm /dev/hugepages/rtemap_0");
  plant("/proc/99/maps", "7f00-7f01 rw-s 00000000 00:0f 12   /dev/hugepages/rtemap_01");
  expect("left files", kWarning, "/dev/hugepages/rtemap_0", "rm /dev/hugepages/rtemap_0");
  plant("/proc/99/maps", "7f00-7f01 rw-s 00000000 00:0f 12   /dev/hugepages/rtemap_0");
  expect("left files", kOk, "no hugepages of programs that are gone");
}

TEST_F(Doctor, CallsNoHugepagesLeftWhileAProgramCannotBeLookedAt) {
  plant("/dev/hugepages/rtemap_0", "");
  plant("/proc/98/status", "Name:\tkthreadd\nThreads:\t1");
  expect("left files", kWarning, "gone: /dev/hugepages/rtemap_0", "sudo rm");
  plant("/proc/99/status", "Name:\ttestpmd\nVmSize:\t  123 kB");
  expect("left files", kOk, "unknown whether a program uses /dev/hugepages/rtemap_0");
  expect("left files", kOk, "run it as root");
  plant("/proc/99/maps", "");
  expect("left files", kWarning, "gone: /dev/hugepages/rtemap_0", "sudo rm");
  std::filesystem::create_directories(real("/proc/97"));  // one that shows itself, and no more
  expect("left files", kOk, "unknown whether");
  remove("/proc/97");
  plant("/proc/mounts",
        "proc /proc proc rw,nosuid,hidepid=invisible 0 0\n"
        "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0");
  expect("left files", kOk, "unknown whether");
  plant("/proc/1/maps", "");  // hidden from others, not from us
  expect("left files", kWarning, "gone: /dev/hugepages/rtemap_0", "sudo rm");
}

TEST_F(Doctor, FindsSocketsNobodyListensAt) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = real("/run/ringroad/other.sock");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int socket_descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(socket_descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(socket_descriptor);
  plant("/run/ringroad/node-1.json", "{}");  // no socket: none of its business
  expect("left files", kWarning, "/run/ringroad/other.sock is there and nobody listens",
         "rm /run/ringroad/other.sock");
  plant_listeners({{"/run/ringroad/other.sock", "42"}});
  EXPECT_EQ(worst("left files").severity, kOk);
  plant_listeners({});
  std::filesystem::rename(path, real("/run/ringroad/node-1.sock"));
  EXPECT_EQ(worst("left files").severity, kOk) << "the node's next start replaces it";
}

}  // namespace
}  // namespace ringroad::cli
