// What a configuration file means, and what is said of each fault in one: the texts are written out
// in full, since they are what somebody reads at the worst moment.
#include "dataplane/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dataplane/config_json.h"
#include "dataplane/config_schema.h"
#include "nlohmann/json.hpp"
#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

using Json = nlohmann::json;

Json small() {
  return Json::parse(R"({
    "local_node": {"node_id": 1, "bind_address": "10.0.1.1"},
    "cluster_nodes": [{"node_id": 2, "endpoints": [{"address": "10.0.1.2"}]}],
    "security": {"tls": {"enabled": false}},
    "ports": [{"kind": "memif", "socket": "@fabric"}]
  })");
}

// Every field away from its default.
Json full() {
  return Json::parse(R"({
    "$schema": "ringroad.schema.json",
    "cluster": {"name": "demo"},
    "local_node": {"node_id": 7, "name": "seven", "zone": "az-1", "bind_address": "10.1.0.7",
                   "bind_port": 9000},
    "cluster_nodes": [
      {"node_id": 9, "name": "nine", "zone": "az-2", "endpoints": [{"address": "192.168.5.9", "port": 8802}]},
      {"node_id": 3, "endpoints": [{"address": "10.1.9.3"}]}
    ],
    "security": {"tls": {"enabled": false, "protocol_version": "1.3",
                         "cipher_suites": ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]}},
    "ports": [{"kind": "memif", "mac": "02:00:00:AA:00:01", "mtu": 4000, "prefix_length": 16,
               "gateway": "10.1.0.1", "socket": "/run/x.sock", "role": "master", "id": 4,
               "ring_slots": 256, "buffer_bytes": 2048}],
    "cpu": {"idle": "poll", "io_lcores": 2, "io": [2, 4], "consensus": 0, "control": 1},
    "memory": {"mode": "none", "buffers": 4096},
    "limits": {"message_bytes_max": 32768, "queue_messages": 512, "window_messages": 1024,
               "window_bytes": 65536, "held_frames": 72, "flight_frames": 128,
               "applications_max": 3, "application_arena_bytes": 131072,
               "application_quota_percent": 25, "dead_after_ms": 500},
    "host": {"socket": "/tmp/host.sock", "group": "ring"},
    "consensus": {"directory": "/tmp/log", "election_timeout_ms": 300,
                  "heartbeat_interval_ms": 40, "compaction_entries": 5000},
    "control": {"socket": "/tmp/control.sock", "group": "operators",
                "log": {"level": "debug", "format": "json"}},
    "metrics": {"listen": "0.0.0.0:9100"},
    "eal_extra": ["--log-level=8"]
  })");
}

std::string error_of(const std::string& text) {
  const auto config = parse_config(text, "n.json");
  return config.ok() ? "no error" : std::string(config.status().message());
}

// The error for `document` changed by one JSON patch operation.
std::string error_with(Json document, const char* pointer, const char* value) {
  document[Json::json_pointer(pointer)] = Json::parse(value);
  return error_of(document.dump());
}

std::string error_without(Json document, const char* pointer) {
  Json patch = Json::array({{{"op", "remove"}, {"path", pointer}}});
  return error_of(document.patch(patch).dump());
}

TEST(Config, FillsInEveryDefault) {
  const auto config = parse_config(small().dump(), "n.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster_name, "ringroad");
  EXPECT_EQ(config->local_node.name, "node-1");
  EXPECT_EQ(config->local_node.bind_port, 8801);
  EXPECT_EQ(config->cluster_nodes[0].name, "node-2");
  EXPECT_EQ(config->cluster_nodes[0].port, 8801);
  EXPECT_FALSE(config->tls_enabled);
  EXPECT_EQ(config->ports[0].mtu, 9000u);
  EXPECT_EQ(config->ports[0].prefix_length, 24);
  EXPECT_FALSE(config->ports[0].master);
  EXPECT_EQ(config->cpu.io_lcores, 1u);
  EXPECT_EQ(config->host.socket, default_host_socket(NodeId{1}));
}

TEST(Config, TheDefaultMtuIsTheKindsOwn) {
  Json document = small();
  document["ports"][0] = {{"kind", "tap"}, {"interface", "tap0"}};
  EXPECT_EQ(parse_config(document.dump(), "n.json")->ports[0].mtu, 1500u);
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(full().dump(), "n.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster_name, "demo");
  EXPECT_EQ(config->local_node.zone, "az-1");
  EXPECT_EQ(config->local_node.bind_port, 9000);
  ASSERT_EQ(config->cluster_nodes.size(), 2u);
  EXPECT_EQ(config->cluster_nodes[0].node_id, NodeId{3}) << "peers are in ascending order";
  EXPECT_EQ(config->cluster_nodes[1].zone, "az-2");
  EXPECT_EQ(config->cluster_nodes[1].port, 8802);
  const PortConfig& port = config->ports[0];
  EXPECT_EQ(to_string(*port.mac), "02:00:00:aa:00:01");
  EXPECT_EQ(to_string(*port.gateway), "10.1.0.1");
  EXPECT_EQ(port.mtu, 4000u);
  EXPECT_TRUE(port.master);
  EXPECT_EQ(port.id, 4u);
  EXPECT_EQ(port.ring_slots, 256);
  EXPECT_EQ(port.buffer_bytes, 2048u);
  EXPECT_EQ(config->cpu.idle, IdlePolicy::kPoll);
  EXPECT_EQ(config->cpu.io, (std::vector<std::uint32_t>{2, 4}));
  EXPECT_EQ(config->cpu.consensus, 0u);
  EXPECT_EQ(config->memory.mode, MemoryMode::kNone);
  EXPECT_EQ(config->memory.buffers, 4096u);
  EXPECT_EQ(config->limits.message_bytes_max, 32768u);
  EXPECT_EQ(config->limits.dead_after_ms, 500u);
  EXPECT_EQ(config->host.group, "ring");
  EXPECT_EQ(config->eal_extra, std::vector<std::string>{"--log-level=8"});
}

// The file's own text, so that a key that print_config forgets shows up as a difference.
TEST(Config, PrintsEveryKeyAndReadsItBackUnchanged) {
  const auto config = parse_config(full().dump(), "n.json");
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string printed = print_config(*config);
  const auto again = parse_config(printed, "printed");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(print_config(*again), printed);

  Json expected = full();
  expected.erase("$schema");
  expected["security"]["tls"] = {{"enabled", false}};
  std::swap(expected["cluster_nodes"][0], expected["cluster_nodes"][1]);
  expected["cluster_nodes"][0]["name"] = "node-3";
  expected["cluster_nodes"][0]["zone"] = "";
  expected["cluster_nodes"][0]["endpoints"][0]["port"] = 8801;
  expected["ports"][0]["mac"] = "02:00:00:aa:00:01";
  EXPECT_EQ(Json::parse(printed), expected);
}

TEST(Config, EveryKindOfPortIsPrintedSoThatItReadsBack) {
  for (const char* port :
       {R"({"kind": "tap", "interface": "tap0"})", R"({"kind": "af_packet", "interface": "veth1"})",
        R"({"kind": "null"})", R"({"kind": "ring"})", R"({"kind": "memif", "socket": "@x"})"}) {
    Json document = small();
    document["ports"][0] = Json::parse(port);
    const auto config = parse_config(document.dump(), "n.json");
    ASSERT_TRUE(config.ok()) << config.status();
    const auto again = parse_config(print_config(*config), "printed");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(print_config(*again), print_config(*config));
  }
}

// Each default of the schema that print_config shows must be the program's.
void expect_defaults(const Json& schema, const Json& printed, const std::string& at,
                     int& compared) {
  if (schema.contains("default")) {
    EXPECT_EQ(printed, schema["default"]) << at;
    ++compared;
  }
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [key, property] : properties.items()) {
    if (printed.contains(key)) expect_defaults(property, printed[key], at + "/" + key, compared);
  }
  if (printed.is_array() && !printed.empty()) {
    expect_defaults(schema["items"], printed[0], at + "/0", compared);
  }
}

TEST(Config, TheSchemaAndTheProgramHaveTheSameDefaults) {
  Json document = small();
  document.erase("cluster_nodes");
  const auto config = parse_config(document.dump(), "n.json");
  ASSERT_TRUE(config.ok()) << config.status();
  const Json schema = Json::parse(kConfigSchemaText);
  int compared = 0;
  expect_defaults(schema, Json::parse(print_config(*config)), "", compared);
  EXPECT_GE(compared, 24);
}

struct Fault {
  const char* pointer;
  const char* value;
  const char* error;
};

TEST(ConfigFaults, EachWrongValueIsNamedWithWhatWasExpected) {
  const Fault faults[] = {
      {"/ports/0/kind", R"("memfi")",
       R"(n.json: /ports/0/kind: "memfi" is not a port kind; did you mean "memif"? (one of: memif, tap, af_packet, null, ring))"},
      {"/ports/0/kind", R"("infiniband")",
       R"(n.json: /ports/0/kind: "infiniband" is not a port kind (one of: memif, tap, af_packet, null, ring))"},
      {"/ports/0/mtu", R"("9000")",
       R"(n.json: /ports/0/mtu: "9000" is not an MTU; did you mean 9000 without quotes? (an integer from 576 to 65000))"},
      {"/ports/0/mtu", "575",
       "n.json: /ports/0/mtu: 575 is not an MTU (an integer from 576 to 65000)"},
      {"/ports/0/mtu", "65001",
       "n.json: /ports/0/mtu: 65001 is not an MTU (an integer from 576 to 65000)"},
      {"/ports/0/mtu", "1500.5",
       "n.json: /ports/0/mtu: 1500.5 is not an MTU (an integer from 576 to 65000)"},
      {"/local_node/node_id", "0",
       "n.json: /local_node/node_id: 0 is not a node id (an integer from 1 to 64)"},
      {"/local_node/node_id", "65",
       "n.json: /local_node/node_id: 65 is not a node id (an integer from 1 to 64)"},
      {"/local_node/node_id", "18446744073709551615",
       "n.json: /local_node/node_id: 18446744073709551615 is not a node id (an integer from 1 to "
       "64)"},
      {"/local_node/bind_address", R"("10.0.1.256")",
       R"(n.json: /local_node/bind_address: "10.0.1.256" is not an IPv4 address (like "10.0.1.1"))"},
      {"/ports/0/mac", R"("02-00-00-00-00-01")",
       R"(n.json: /ports/0/mac: "02-00-00-00-00-01" is not a MAC address (like "02:52:52:00:00:01"))"},
      {"/ports/0/mac", R"("01:00:00:00:00:01")",
       R"(n.json: /ports/0/mac: "01:00:00:00:00:01" names no single station; expected a unicast MAC address, like "02:52:52:00:00:01")"},
      {"/ports/0/sockte", R"("@x")",
       R"(n.json: /ports/0/sockte: unknown key; did you mean "socket"? (known here: buffer_bytes, gateway, id, interface, kind, mac, mtu, prefix_length, ring_slots, role, socket))"},
      {"/nothing~1like~0it", "1",
       "n.json: /nothing~1like~0it: unknown key (known here: cluster, cluster_nodes, consensus, "
       "control, "
       "cpu, eal_extra, host, limits, local_node, memory, metrics, ports, security)"},
      {"/security/tls/enabled", "true",
       "n.json: /security/tls/enabled: true is not a choice of encryption that works today (only: "
       "false); frames are sent in plain only today, NOT encrypted, and that must be asked for: "
       "set /security/tls/enabled to false"},
      {"/security/tls/cipher_suites", R"(["TLS_AES_256_GCM_SHA385"])",
       R"(n.json: /security/tls/cipher_suites/0: "TLS_AES_256_GCM_SHA385" is not a TLS 1.3 cipher suite; did you mean "TLS_AES_256_GCM_SHA384"? (one of: TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256))"},
      {"/ports", "[]",
       "n.json: /ports: has 0 items; expected exactly 1; a node has exactly one port today; "
       "several ports come later"},
      {"/ports", R"([{"kind": "null"}, {"kind": "null"}])",
       "n.json: /ports: has 2 items; expected exactly 1; a node has exactly one port today; "
       "several ports come later"},
      {"/ports", R"({"kind": "null"})",
       R"(n.json: /ports: {"kind":"null"} is not the ports (an array); a node has exactly one port today; several ports come later)"},
      {"/cpu", R"({"idle": "Poll"})",
       R"(n.json: /cpu/idle: "Poll" is not an idle policy; did you mean "poll"? (one of: adaptive, poll))"},
      {"/memory", R"({"mode": ["huge"]})",
       R"(n.json: /memory/mode: ["huge"] is not a memory mode; did you mean "huge" without brackets? (one of: auto, huge, none))"},
      {"/eal_extra", R"(["-l", 3])",
       R"(n.json: /eal_extra/1: 3 is not an EAL argument; did you mean "3" in quotes? (a string of 1 to 256 bytes))"},
  };
  for (const Fault& fault : faults) {
    EXPECT_EQ(error_with(small(), fault.pointer, fault.value), fault.error);
  }
}

TEST(ConfigFaults, ValuesThatDoNotFitEachOtherAreNamed) {
  const Fault faults[] = {
      {"/cluster_nodes/0/node_id", "1",
       "n.json: /cluster_nodes/0/node_id: 1 stands at /local_node/node_id too; cluster_nodes lists "
       "the other nodes only"},
      {"/cluster_nodes/1", R"({"node_id": 2, "endpoints": [{"address": "10.0.1.3"}]})",
       "n.json: /cluster_nodes/1/node_id: 2 stands at /cluster_nodes/0/node_id too; each node has "
       "an id of its own"},
      {"/cluster_nodes/1", R"({"node_id": 3, "endpoints": [{"address": "10.0.1.2"}]})",
       R"(n.json: /cluster_nodes/1/endpoints/0/address: "10.0.1.2" stands at /cluster_nodes/0/endpoints/0/address too; each node has an address of its own)"},
      {"/cluster_nodes/0/name", R"("node-1")",
       R"(n.json: /cluster_nodes/0/name: "node-1" is the name of /local_node too)"},
      {"/cluster_nodes/0/endpoints/0/address", R"("10.0.2.2")",
       R"(n.json: /cluster_nodes/0/endpoints/0/address: "10.0.2.2" is not in this node's network 10.0.1.0/24; set /ports/0/gateway, or a shorter /ports/0/prefix_length)"},
      {"/cluster_nodes/0/endpoints/0/address", R"("10.0.1.255")",
       R"(n.json: /cluster_nodes/0/endpoints/0/address: "10.0.1.255" is the network's broadcast address (the network is 10.0.1.0/24); expected the address of one host)"},
      {"/local_node/bind_address", R"("0.0.0.0")",
       "n.json: /local_node/bind_address: \"0.0.0.0\" names no host (the network is 0.0.0.0/24); "
       "expected the address of one host\n"
       "n.json: /cluster_nodes/0/endpoints/0/address: \"10.0.1.2\" is not in this node's network "
       "0.0.0.0/24; set /ports/0/gateway, or a shorter /ports/0/prefix_length"},
      {"/ports/0/gateway", R"("10.0.2.1")",
       R"(n.json: /ports/0/gateway: "10.0.2.1" is not in this node's network 10.0.1.0/24, so it cannot be reached itself)"},
      {"/ports/0/gateway", R"("10.0.1.1")",
       R"(n.json: /ports/0/gateway: "10.0.1.1" is this node's own bind_address)"},
      {"/ports/0/ring_slots", "1000",
       "n.json: /ports/0/ring_slots: 1000 is not a power of two; did you mean 1024?"},
      {"/ports/0/buffer_bytes", "100",
       "n.json: /ports/0/buffer_bytes: 100 is too small for a packet's parts; expected 0 (what the "
       "MTU needs) or at least 512"},
      {"/ports/0/interface", R"("eth0")",
       R"(n.json: /ports/0/interface: "eth0" has no meaning for a port of kind "memif" (only for "tap" and "af_packet"))"},
      {"/ports/0", R"({"kind": "memif"})",
       R"(n.json: /ports/0/socket: missing: a port of kind "memif" needs it)"},
      {"/ports/0", R"({"kind": "tap"})",
       R"(n.json: /ports/0/interface: missing: a port of kind "tap" needs it)"},
      {"/limits", R"({"queue_messages": 2500})",
       "n.json: /limits/queue_messages: 2500 is not a power of two; did you mean 2048?"},
      {"/limits", R"({"window_bytes": 65535})",
       "n.json: /limits/window_bytes: 65535 is less than /limits/message_bytes_max (65536); a "
       "window holds at least one message"},
      {"/limits", R"({"held_frames": 16, "message_bytes_max": 262144})",
       "n.json: /limits/held_frames: 16 frames leave 2 to each of the 8 priorities, but a message "
       "of /limits/message_bytes_max (262144) takes 30 at /ports/0/mtu 9000; expected at least "
       "240, or a /limits/message_bytes_max of at most 17680"},
      {"/limits", R"({"held_frames": 512, "message_bytes_max": 65536})", "no error"},
      {"/limits", R"({"held_frames": 64})", "no error"},
      {"/limits", R"({"held_frames": 63})",
       "n.json: /limits/held_frames: 63 frames leave 7 to each of the 8 priorities, but a message "
       "of /limits/message_bytes_max (65536) takes 8 at /ports/0/mtu 9000; expected at least 64, "
       "or a /limits/message_bytes_max of at most 61880"},
      {"/ports/0", R"({"kind": "null", "mtu": 1500})", "no error"},
      {"/ports/0", R"({"kind": "null", "mtu": 65000})", "no error"},
      {"/ports/0", R"({"kind": "null", "mtu": 576})",
       "n.json: /limits/held_frames: 512 frames leave 64 to each of the 8 priorities, but a "
       "message "
       "of /limits/message_bytes_max (65536) takes 158 at /ports/0/mtu 576; expected at least "
       "1264, "
       "or a /limits/message_bytes_max of at most 26624"},
      {"/limits",
       R"({"message_bytes_max": 16777216, "window_bytes": 16777216,
           "application_arena_bytes": 33554432})",
       "n.json: /limits/held_frames: 512 frames leave 64 to each of the 8 priorities, but a "
       "message "
       "of /limits/message_bytes_max (16777216) takes 1898 at /ports/0/mtu 9000; expected at least "
       "15184, or a /limits/message_bytes_max of at most 565760"},
      {"/limits", R"({"application_arena_bytes": 65536})",
       "n.json: /limits/application_arena_bytes: 65536 at 50 % a peer cannot hold a message of "
       "/limits/message_bytes_max (65536)"},
      {"/cpu", R"({"io": [3, 3]})", "n.json: /cpu/io/1: CPU 3 stands in this list twice"},
      {"/cpu", R"({"io": [3, 4], "io_lcores": 3})",
       "n.json: /cpu/io_lcores: 3, but /cpu/io names 2 CPUs; expected as many, or neither"},
  };
  for (const Fault& fault : faults) {
    EXPECT_EQ(error_with(small(), fault.pointer, fault.value), fault.error);
  }
}

// At a small MTU no held_frames that may be written is enough, so that is not what is asked for.
TEST(ConfigFaults, AMessageThatNoNumberOfHeldFramesHoldsIsNamedAsTooLarge) {
  Json document = small();
  document["ports"][0] = {{"kind", "null"}, {"mtu", 1500}};
  document["limits"] = {{"message_bytes_max", 16'777'216},
                        {"window_bytes", 16'777'216},
                        {"held_frames", 65'536},
                        {"application_arena_bytes", 33'554'432}};
  EXPECT_EQ(error_of(document.dump()),
            "n.json: /limits/held_frames: 65536 frames leave 8192 to each of the 8 priorities, but "
            "a message of /limits/message_bytes_max (16777216) takes 12558 at /ports/0/mtu 1500; "
            "expected a larger /ports/0/mtu, or a /limits/message_bytes_max of at most 10944512");
  document["limits"]["message_bytes_max"] = 10'944'512;
  EXPECT_EQ(error_of(document.dump()), "no error");
}

TEST(ConfigFaults, MissingKeysAreNamedByTheirWholePointer) {
  const char* tls =
      "n.json: /security/tls/enabled: missing: expected a choice of encryption that works today "
      "(only: false); frames are sent in plain only today, NOT encrypted, and that must be asked "
      "for: set /security/tls/enabled to false";
  EXPECT_EQ(error_without(small(), "/security"), tls);
  EXPECT_EQ(error_without(small(), "/security/tls"), tls);
  EXPECT_EQ(error_without(small(), "/security/tls/enabled"), tls);
  EXPECT_EQ(error_without(small(), "/local_node"),
            "n.json: /local_node/node_id: missing: expected a node id (an integer from 1 to 64)\n"
            "n.json: /local_node/bind_address: missing: expected an IPv4 address (like "
            "\"10.0.1.1\")");
  EXPECT_EQ(error_without(small(), "/ports"),
            "n.json: /ports: missing: expected the ports (an array); a node has exactly one port "
            "today; several ports come later");
}

TEST(ConfigFaults, SeveralAreToldTogetherAndAFloodIsCut) {
  Json document = small();
  document["ports"][0]["mtu"] = 1;
  document["limitz"] = 1;
  document["local_node"]["node_id"] = "one";
  const std::string error = error_of(document.dump());
  EXPECT_NE(error.find("/ports/0/mtu"), error.npos);
  EXPECT_NE(error.find("did you mean \"limits\"?"), error.npos);
  EXPECT_NE(error.find("/local_node/node_id"), error.npos);

  for (int i = 0; i < 100; ++i) document["key" + std::to_string(i)] = i;
  const std::string flood = error_of(document.dump());
  EXPECT_EQ(std::ranges::count(flood, '\n'), 20);
  EXPECT_NE(flood.find("n.json: and 83 more faults"), flood.npos) << flood;
}

TEST(ConfigFaults, WhatIsNotJsonIsToldByLineAndColumn) {
  EXPECT_EQ(error_of("{\n  \"cpu\": {},\n  \"memory\" {}\n}").find("n.json:3:12: not JSON: "), 0u)
      << error_of("{\n  \"cpu\": {},\n  \"memory\" {}\n}");
  for (const char* text : {"", " ", "{", "[1,]", "{} {}", "{'a': 1}", "{\"a\": 01}", "\xff",
                           "{\"a\": \"\xc3\"}", "{\"a\": 1e999}", "// note\n{}", "nul"}) {
    EXPECT_EQ(error_of(text).find("n.json:1:"), 0u) << text << ": " << error_of(text);
  }
  EXPECT_EQ(error_of("[]"), "n.json: /: [] is not a configuration (an object)");
  EXPECT_EQ(error_of("null"), "n.json: /: null is not a configuration (an object)");
}

TEST(ConfigFaults, RepeatedKeysAreFoundAtAnyDepth) {
  EXPECT_EQ(error_of(R"({"cpu": {}, "cpu": {}})"), "n.json: /cpu: this key stands here twice");
  EXPECT_EQ(error_of(R"({"ports": [{}, {"kind": "null", "mtu": 1500, "kind": "ring"}]})"),
            "n.json: /ports/1/kind: this key stands here twice");
}

TEST(ConfigFaults, SizeAndDepthAreBounded) {
  EXPECT_EQ(error_of(std::string(kConfigBytesMax + 1, ' ')),
            "n.json: 1048577 bytes; a configuration has at most 1048576");
  const std::string deep(kConfigDepthMax + 1, '[');
  EXPECT_NE(error_of(deep).find("nested more than 32 deep"), std::string::npos) << error_of(deep);
  EXPECT_NE(error_of(std::string(100'000, '[')).find("nested more than 32 deep"),
            std::string::npos);
  // A text as long as the file may be, where the schema has a regular expression for it.
  Json document = small();
  document["local_node"]["name"] = std::string(900'000, 'a');
  EXPECT_LT(error_of(document.dump()).size(), 300u);
}

TEST(Config, ReadsAFileAndNamesOneThatIsNotThere) {
  const TemporaryDirectory directory;
  const std::string path = directory / "node1.json";
  std::ofstream(path) << small();
  EXPECT_TRUE(read_config(path).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(read_config(path).status().message(),
            path + ": cannot be opened: No such file or directory");
  EXPECT_FALSE(read_config(directory.path()).ok()) << "a directory is no configuration";
}

TEST(Config, KeepsItsSocketsWhereTheEnvironmentSays) {
  ASSERT_EQ(setenv("RINGROAD_RUNTIME_DIR", "/tmp/somewhere", 1), 0);
  EXPECT_EQ(runtime_directory(), "/tmp/somewhere");
  EXPECT_EQ(default_host_socket(NodeId{3}), "/tmp/somewhere/node-3.sock");
  ASSERT_EQ(setenv("RINGROAD_RUNTIME_DIR", "relative", 1), 0);
  EXPECT_NE(runtime_directory(), "relative");
  ASSERT_EQ(unsetenv("RINGROAD_RUNTIME_DIR"), 0);
  EXPECT_EQ(runtime_directory().front(), '/');
}

}  // namespace
}  // namespace ringroad
