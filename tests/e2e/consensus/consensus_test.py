#!/usr/bin/env python3
"""Consensus on real processes: nodes on the fabric, each with its log in a folder; the registry by
the CLI; leaders killed and brought back, minorities, members that come and go, and what a person
gets wrong."""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402  pylint: disable=wrong-import-position
from harness import wait  # noqa: E402  pylint: disable=wrong-import-position


class Cluster:
    """Nodes 1 to `count`, of which the first `members` begin as the members of consensus."""

    def __init__(self, scene, count=3, members=None, **consensus):
        self.scene = scene
        self.ids = list(range(1, count + 1))
        self.members = self.ids[: members or count]
        first = ",".join(map(str, self.members))
        scene.fabric(count)
        self.configs = {}
        self.nodes = {}
        for node in self.ids:
            folder = scene.path(f"log-{node}")
            made = scene.run(
                scene.program("tools/ringroad-log/ringroad-log"), "format", "--node", node,
                "--members", first, folder,
            )  # fmt: skip
            assert made.code == 0, made.tail()
            self.configs[node] = scene.config(
                node, [peer for peer in self.ids if peer != node],
                consensus={"directory": folder, **consensus},
            )  # fmt: skip
            self.start(node)

    def start(self, node):
        self.nodes[node] = self.scene.dataplane(self.configs[node])

    def kill(self, node):
        self.nodes[node].kill(signal.SIGKILL)
        self.nodes[node].finish(10)

    def ask(self, node, *words, code=0):
        process = self.scene.run(
            self.scene.program("tools/ringroad/ringroad"), *words, "--node", node
        )
        assert code is None or process.code == code, process.tail()
        return process

    def json(self, node, *words, code=0):
        return json.loads("\n".join(self.ask(node, *words, "-j", code=code).out))

    def status(self, node, code=0):
        return self.json(node, "raft", "status", code=code)

    def leader(self):
        """The node that leads, agreed on by all first members that run."""

        def agreed():
            running = [node for node in self.members if self.nodes[node].alive()]
            leaders = set()
            for node in running:
                shown = self.scene.run(
                    self.scene.program("tools/ringroad/ringroad"), "raft", "status", "-j",
                    "--node", node,
                )  # fmt: skip
                leaders.add(json.loads("\n".join(shown.out))["leader_id"] if shown.out else None)
            return leaders.pop() if len(leaders) == 1 and None not in leaders else None

        found = []
        wait(lambda: found.append(agreed()) or found[-1], 20, "one leader for all")
        return found[-1]

    def others(self, node):
        return [other for other in self.ids if other != node]


def test_what_one_node_writes_all_nodes_read(scene):
    cluster = Cluster(scene)
    cluster.ask(1, "registry", "put", "color", "blue")
    for node in cluster.ids:
        assert cluster.ask(node, "registry", "get", "color").out == ["blue"]
    item = cluster.json(2, "registry", "get", "color")
    assert (item["value"], item["version"], item["lease"]) == ("blue", 1, None), item


def test_writes_survive_the_leader_and_it_catches_up(scene):
    cluster = Cluster(scene)
    cluster.ask(1, "registry", "put", "before", "kept")
    leader = cluster.leader()
    cluster.kill(leader)
    other = cluster.others(leader)[0]
    cluster.ask(other, "registry", "put", "after", "new")
    assert cluster.ask(other, "registry", "get", "before").out == ["kept"]
    assert cluster.leader() != leader
    cluster.start(leader)
    for key, value in (("before", "kept"), ("after", "new")):
        assert cluster.ask(leader, "registry", "get", key).out == [value]


def test_all_of_it_comes_back_after_all_were_killed(scene):
    cluster = Cluster(scene, compaction_entries=100)
    for i in range(30):
        cluster.ask(1 + i % 3, "registry", "put", f"key-{i:02}", f"value {i}")
    for node in cluster.ids:
        cluster.kill(node)
    for node in cluster.ids:
        cluster.start(node)
    shown = cluster.json(2, "registry", "range", "key-")
    assert [item["value"] for item in shown["keys"]] == [f"value {i}" for i in range(30)]
    inspected = scene.run(scene.program("tools/ringroad-log/ringroad-log"), "verify",
                          scene.path("log-3"))  # fmt: skip
    assert inspected.code == 0, inspected.tail()


def test_a_minority_refuses_says_why_and_tells_what_it_has_when_asked_for_that(scene):
    cluster = Cluster(scene)
    cluster.ask(1, "registry", "put", "color", "blue")
    alone = cluster.leader()
    wait(lambda: cluster.status(alone)["applied_index"] == cluster.status(alone)["commit_index"],
         10, "all of it to be applied")  # fmt: skip
    for node in cluster.others(alone):
        cluster.kill(node)
    refused = cluster.ask(alone, "registry", "put", "color", "red", code=4)
    assert "majority" in refused.err[-1] and "raft status" in refused.err[-1], refused.tail()
    cluster.ask(alone, "registry", "get", "color", code=4)
    stale = cluster.ask(alone, "registry", "get", "color", "--consistency", "stale")
    assert stale.out == ["blue"]
    assert cluster.status(alone, code=5)["leader_id"] is None
    cluster.start(cluster.others(alone)[0])
    assert cluster.ask(alone, "registry", "get", "color").out == ["blue"]


def test_a_node_is_added_promoted_and_removed_while_it_all_runs(scene):
    cluster = Cluster(scene, count=4, members=3)
    cluster.ask(1, "registry", "put", "color", "blue")
    leader = cluster.leader()
    cluster.ask(leader, "cluster", "add", 4)
    wait(lambda: cluster.status(leader)["learners"] == [4], 10, "the learner")
    assert cluster.ask(4, "registry", "get", "color").out == ["blue"]
    cluster.ask(leader, "cluster", "promote", 4)
    wait(lambda: cluster.status(leader)["voters"] == [1, 2, 3, 4], 10, "four voters")
    cluster.ask(leader, "cluster", "transfer-leader", 4)
    wait(lambda: cluster.status(4, code=None)["leader_id"] == 4, 10, "node 4 to lead")
    cluster.ask(4, "cluster", "remove", 1)
    wait(lambda: cluster.status(4)["voters"] == [2, 3, 4], 10, "three voters")
    cluster.ask(2, "registry", "put", "color", "red")
    assert cluster.ask(3, "registry", "get", "color").out == ["red"]


def test_a_snapshot_brings_back_who_was_away_too_long(scene):
    cluster = Cluster(scene, compaction_entries=100)
    away = cluster.others(cluster.leader())[0]
    cluster.kill(away)
    leader = cluster.leader()
    lease = cluster.json(leader, "registry", "lease", "grant", "60")["lease"]
    for i in range(6):
        cluster.ask(leader, "registry", "put", f"key-{i}", "x" * 1000, "--lease", lease)
    wait(lambda: cluster.json(leader, "registry", "lease", "keep", lease) and
         cluster.status(leader)["snapshots_made_total"] >= 2, 60, "two snapshots")  # fmt: skip
    cluster.start(away)
    assert cluster.ask(away, "registry", "get", "key-5").out == ["x" * 1000]
    assert cluster.status(away)["snapshots_installed_total"] == 1


def test_compare_and_swap_ranges_watches_and_leases(scene):
    cluster = Cluster(scene)
    cluster.ask(1, "registry", "cas", "lock", "one", "--if-absent")
    lost = cluster.ask(2, "registry", "cas", "lock", "two", "--if-absent", code=1)
    assert "its last change was at revision 1" in lost.err[-1], lost.tail()
    cluster.ask(2, "registry", "cas", "lock", "two", "--if-value", "one")
    watching = scene.start("ringroad", scene.program("tools/ringroad/ringroad"), "registry",
                           "watch", "jobs/", "--prefix", "--from", "1", "-c", "3", "-j",
                           "--node", 3)  # fmt: skip
    cluster.ask(1, "registry", "put", "jobs/1", "a")
    lease = cluster.json(1, "registry", "lease", "grant", "0.5")["lease"]
    cluster.ask(1, "registry", "put", "jobs/2", "b", "--lease", lease)
    assert watching.finish(20) == 0, watching.tail()
    events = [json.loads(line) for line in watching.out]
    assert [(e["event"], e["key"]) for e in events] == [
        ("put", "jobs/1"), ("put", "jobs/2"), ("expired", "jobs/2")]  # fmt: skip
    cluster.ask(1, "registry", "get", "jobs/2", code=3)
    assert cluster.ask(2, "registry", "delete", "jobs/", "--prefix").out == [
        "deleted 1 key, revision 6"]  # fmt: skip


def test_what_is_wrong_with_a_log_is_said_before_the_node_runs(scene):
    scene.fabric(1)
    program = scene.program("dataplane/ringroad-dataplane")
    missing = scene.config(1, [], consensus={"directory": scene.path("nowhere")})
    refused = scene.run(program, "--config", missing)
    assert refused.code == 1 and "ringroad-log format" in refused.err[-1], refused.tail()
    folder = scene.path("log-1")
    tool = scene.program("tools/ringroad-log/ringroad-log")
    assert scene.run(tool, "format", "--node", 1, "--members", "1", "--cluster", "mine",
                     folder).code == 0  # fmt: skip
    assert scene.run(tool, "format", "--node", 1, "--members", "1", folder).code == 1
    config = scene.config(1, [], consensus={"directory": folder})
    refused = scene.run(program, "--config", config)
    assert refused.code == 1 and '"mine"' in refused.err[-1], refused.tail()
    config = scene.config(1, [], cluster={"name": "mine"}, consensus={
        "directory": folder, "heartbeat_interval_ms": 100})  # fmt: skip
    refused = scene.run(program, "--config", config)
    assert refused.code == 2 and "/consensus/heartbeat_interval_ms" in refused.err[-1]


def test_a_node_without_consensus_says_so(scene):
    scene.fabric(1)
    scene.dataplane(scene.config(1, []))
    asked = scene.run(scene.program("tools/ringroad/ringroad"), "registry", "get", "key",
                      "--node", 1)  # fmt: skip
    assert asked.code == 4 and "/consensus/directory" in asked.err[-1], asked.tail()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
