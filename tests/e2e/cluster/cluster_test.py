#!/usr/bin/env python3
"""Whole clusters of real processes: nodes on the fabric, directly over memif and over veth, with
the generator as the application; deaths of every kind of process under load; and what a person
gets wrong at the command line."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402  pylint: disable=wrong-import-position
from harness import Skip, wait  # noqa: E402  pylint: disable=wrong-import-position


def two_nodes_on_a_fabric(scene):
    scene.fabric(2)
    configs = [scene.config(node, [3 - node]) for node in (1, 2)]
    return configs, [scene.dataplane(config) for config in configs]


def start_sink(scene, config, *options):
    sink = scene.generator("sink", "--node", config, "--verify", "full", *options)
    sink.wait_for("receives")
    return sink


def run_traffic(scene, config, *options, duration="2s"):
    return scene.generator("run", "--node", config, "--to", "2", "--verify", "full", "--json",
                           "--duration", duration, *options)  # fmt: skip


def wait_until_it_flows(traffic):
    """Until the generator has printed the figures of its first second."""
    flows = lambda: any(re.match(r"\s+1\s+\d", line) for line in traffic.err)  # noqa: E731
    wait(flows, 20, "a first line of figures", traffic)


def assert_clean(result):
    for key in ("lost", "duplicated", "reordered", "corrupted"):
        assert result[key] == 0, f"{key}: {result}"
    assert result["sent"] == result["received"] > 0, result


def test_two_nodes_exchange_verified_messages_over_the_fabric(scene):
    configs, nodes = two_nodes_on_a_fabric(scene)
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--size", "64:70,1024:25,16384:5", "--rate", "20k")
    assert traffic.finish() == 0, traffic.tail()
    assert_clean(traffic.json())
    for node in nodes:
        node.kill(signal.SIGTERM)
        assert node.finish(10) == 0, node.tail()


def test_traffic_survives_loss_reordering_and_duplication(scene):
    scene.fabric(2, "--fault", "1->2 loss=2% reorder=2% duplicate=1% corrupt=0.5%",
                 "--fault", "2->1 loss=1% reorder=1%")  # fmt: skip
    configs = [scene.config(node, [3 - node]) for node in (1, 2)]
    for config in configs:
        scene.dataplane(config)
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--size", "64:80,9000:20", "--rate", "5k",
                          duration="3s")  # fmt: skip
    assert traffic.finish() == 0, traffic.tail()
    assert_clean(traffic.json())


def test_a_broadcast_reaches_every_node(scene):
    scene.fabric(3)
    configs = [scene.config(node, [n for n in (1, 2, 3) if n != node]) for node in (1, 2, 3)]
    for config in configs:
        scene.dataplane(config)
    for config in configs[1:]:
        start_sink(scene, config)
    traffic = scene.generator("run", "--node", configs[0], "--to", "all", "--rate", "5k",
                              "--duration", "1s", "--json", "--verify", "full")  # fmt: skip
    assert traffic.finish() == 0, traffic.tail()
    result = traffic.json()
    assert_clean(result)
    # Each copy counts: 5,000 messages in the second, to two nodes.
    assert result["environment"]["broadcast"] and result["sent"] == 10_000, result


def test_nodes_directly_over_memif(scene):
    pair = scene.path("pair.sock")
    configs = [
        scene.config(node, [3 - node],
                     ports=[{"kind": "memif", "role": role, "socket": pair}])  # fmt: skip
        for node, role in ((1, "slave"), (2, "master"))
    ]
    scene.dataplane(configs[0])  # a slave may come before its master
    scene.dataplane(configs[1])
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--size", "1024", "--rate", "20k")
    assert traffic.finish() == 0, traffic.tail()
    assert_clean(traffic.json())


def test_nodes_over_veth_with_af_packet(scene):
    if os.geteuid() != 0:
        raise Skip("making a network namespace takes root")
    space = f"ringroad-{os.getpid()}"

    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", space)
    try:
        inside = ("ip", "netns", "exec", space)
        subprocess.run([*inside, "ip", "link", "add", "rr0", "type", "veth", "peer", "name", "rr1"],
                       check=True)  # fmt: skip
        for device in ("rr0", "rr1"):
            subprocess.run([*inside, "ip", "link", "set", device, "up"], check=True)
        configs = [
            scene.config(node, [3 - node],
                         ports=[{"kind": "af_packet", "interface": f"rr{node - 1}"}])  # fmt: skip
            for node in (1, 2)
        ]
        for config in configs:
            scene.dataplane(config, prefix=inside)
        start_sink(scene, configs[1])
        traffic = run_traffic(scene, configs[0], "--size", "64:80,4000:20", "--rate", "2k")
        assert traffic.finish() == 0, traffic.tail()
        assert_clean(traffic.json())
    finally:
        scene.close()
        ip("netns", "del", space)


def test_a_killed_node_is_met_again_and_nothing_is_delivered_twice(scene):
    configs, nodes = two_nodes_on_a_fabric(scene)
    for _ in range(2):
        sink = start_sink(scene, configs[1])
        traffic = run_traffic(scene, configs[0], "--size", "1024", "--rate", "20k", duration="30s")
        wait_until_it_flows(traffic)
        nodes[1].kill()
        nodes[1].finish(5)
        sink.finish(20)
        assert nodes[0].alive(), nodes[0].tail()
        nodes[1] = scene.dataplane(configs[1])
        traffic.kill(signal.SIGINT)
        traffic.finish(30)
        text = "\n".join(traffic.out)
        assert traffic.out, traffic.tail()
        result = json.loads(text)
        assert result["duplicated"] == 0 and result["corrupted"] == 0, result
    start_sink(scene, configs[1])
    again = run_traffic(scene, configs[0], "--size", "64", "--rate", "10k", duration="1s")
    assert again.finish() == 0, again.tail()
    assert_clean(again.json())


def test_a_killed_fabric_costs_no_message_once_it_is_back(scene):
    fabric = scene.fabric(2)
    configs = [scene.config(node, [3 - node], limits={"dead_after_ms": 10_000}) for node in (1, 2)]
    for config in configs:
        scene.dataplane(config)
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--size", "1024", "--rate", "5k", duration="4s")
    wait_until_it_flows(traffic)
    fabric.kill()
    fabric.finish(5)
    scene.fabric(2)
    assert traffic.finish() == 0, traffic.tail()
    assert_clean(traffic.json())


def test_a_killed_application_leaves_the_node_as_it_was(scene):
    configs, nodes = two_nodes_on_a_fabric(scene)
    descriptors = lambda: len(os.listdir(f"/proc/{nodes[0].child.pid}/fd"))  # noqa: E731
    start_sink(scene, configs[1])
    before = descriptors()
    for _ in range(5):
        traffic = run_traffic(scene, configs[0], "--size", "1024", duration="30s")
        wait_until_it_flows(traffic)
        traffic.kill()
        traffic.finish(5)
        wait(lambda: descriptors() == before, 10, "the dead application's descriptors to go",
             nodes[0])  # fmt: skip
    last = run_traffic(scene, configs[0], "--size", "1024", "--rate", "10k", duration="1s")
    assert last.finish() == 0, last.tail()
    assert_clean(last.json())


def test_a_dataplane_that_dies_is_told_to_its_application(scene):
    configs, nodes = two_nodes_on_a_fabric(scene)
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--rate", "10k", duration="30s")
    wait_until_it_flows(traffic)
    nodes[0].kill()
    assert traffic.finish(20) != 0
    assert any("dataplane" in line for line in traffic.err), traffic.tail()


def test_ping_pong_over_the_fabric(scene):
    configs, _ = two_nodes_on_a_fabric(scene)
    start_sink(scene, configs[1])
    pings = scene.generator("pingpong", "--node", configs[0], "--to", "2", "--duration", "1s",
                            "--json")  # fmt: skip
    assert pings.finish() == 0, pings.tail()
    assert pings.json()["latency_ns"]["p50"] > 0


def test_json_has_the_published_keys(scene):
    configs, _ = two_nodes_on_a_fabric(scene)
    start_sink(scene, configs[1])
    traffic = run_traffic(scene, configs[0], "--rate", "1k", "--hdr", scene.path("latency.hgrm"),
                          duration="1s")  # fmt: skip
    assert traffic.finish() == 0, traffic.tail()
    result = traffic.json()
    keys = """schema_version mode size_bytes duration_s sent received lost duplicated reordered
        corrupted msgs_per_s goodput_bits_per_s cpu_share latency_ns limit environment""".split()
    assert sorted(result) == sorted(keys), sorted(result)
    assert sorted(result["latency_ns"]) == sorted(["p50", "p90", "p95", "p99", "p999", "max"])
    with open(scene.path("latency.hgrm"), encoding="utf-8") as file:
        assert "Percentile" in file.readline()


def refused(scene, config, *options):
    process = scene.run(scene.program("dataplane/ringroad-dataplane"), "--config", config, *options,
                        seconds=15)  # fmt: skip
    return process.code, "\n".join(process.err)


def test_wrong_configurations_are_named(scene):
    path = scene.config(1, [2], ports=[{"kind": "memfi", "socket": "x"}])
    code, text = refused(scene, path)
    assert code == 2 and "/ports/0/kind" in text and '"memif"' in text, (code, text)
    code, text = refused(scene, scene.path("absent.json"))
    assert code == 2 and "absent.json" in text, (code, text)
    code, text = refused(scene, scene.config(1, [2], security={}))
    assert code == 2 and "/security/tls/enabled" in text, (code, text)


def test_a_socket_in_use_is_named(scene):
    scene.fabric(2)
    config = scene.config(1, [2])
    scene.dataplane(config)
    code, text = refused(scene, config)
    assert code == 1 and "node-1.sock" in text, (code, text)


def test_a_stale_socket_is_taken_over(scene):
    scene.fabric(2)
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(scene.path("node-1.sock"))
    left.close()
    scene.dataplane(scene.config(1, [2]))


def test_plan_config_and_eal_are_printed(scene):
    config = scene.config(1, [2])
    program = scene.program("dataplane/ringroad-dataplane")
    assert scene.run(program, "--config", config, "--check").code == 0
    printed = scene.run(program, "--config", config, "--print-config")
    assert printed.code == 0
    whole = printed.json()
    assert whole["limits"]["message_bytes_max"] == 65536, whole
    with open(config, "w", encoding="utf-8") as file:
        json.dump(whole, file)
    assert scene.run(program, "--config", config, "--print-config").json() == whole
    plan = scene.run(program, "--config", config, "--plan")
    assert plan.code == 0 and any("buffers" in line for line in plan.out), plan.tail()
    eal = scene.run(program, "--config", config, "--print-eal")
    assert eal.code == 0 and "--lcores" in eal.out[0], eal.tail()


def test_an_unprivileged_user_needs_nothing_more(scene):
    if os.geteuid() != 0:
        raise Skip("we are unprivileged already: every other test shows it")
    os.chmod(scene.directory, 0o777)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
    build = os.path.realpath(scene.build)
    probe = subprocess.run([*nobody, "test", "-x", f"{build}/dataplane/ringroad-dataplane"],
                           check=False)  # fmt: skip
    if probe.returncode != 0:
        raise Skip(f"nobody may not read {build}")
    configs = [
        scene.config(node, [3 - node], ports=[{"kind": "memif", "role": role,
                                               "socket": scene.path("pair.sock")}])  # fmt: skip
        for node, role in ((1, "slave"), (2, "master"))
    ]
    for config in configs:
        os.chmod(config, 0o644)
        scene.dataplane(config, prefix=nobody)
    sink = scene.generator("sink", "--node", configs[1], prefix=nobody)
    sink.wait_for("receives")
    traffic = scene.generator("run", "--node", configs[0], "--to", "2", "--rate", "5k",
                              "--duration", "1s", "--json", prefix=nobody)  # fmt: skip
    assert traffic.finish() == 0, traffic.tail()
    assert_clean(traffic.json())


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
