#!/usr/bin/env python3
"""A session as an operator has it, on three real nodes with their control processes: every command
of the CLI, its exit code and its JSON against the interface's description; what is planted wrong is
found with the CLI alone, and mended; every process is killed in turn and comes back. Processes that
are stopped, not dead, are in stopped_test.py."""

import json
import re
import signal
import socket
import sys

from session import CLI, Session, harness, http
from harness import wait


# ---- every command ----


def test_after_a_restart_the_first_look_finds_all_well(scene):
    with Session(scene) as session:
        session.succeed("restart", 1)
        for node in (1, 2, 3):
            session.cli("cluster", "status", "--node", node, code=0)


def test_every_command_answers_as_the_interface_describes(scene):
    with Session(scene) as session:
        status = session.result("cluster.status", "cluster", "status", "--node", "1")
        assert [node["node_id"] for node in status["nodes"]] == [1, 2, 3]
        assert all(len(node["sees"]) == 2 for node in status["nodes"]), status["nodes"]
        assert status["plain"] is True and status["seen_by"] == 1
        members = session.result("cluster.members", "cluster", "members", "--node", "2")
        assert [m["node_id"] for m in members["members"] if m["is_self"]] == [2]
        node = session.result("node.status", "node", "show", "--node", "3")
        assert node["node_id"] == 3 and node["dataplane"]["attached"] is True
        assert node["links_up"] == node["links_total"] == 2
        links = session.result("link.list", "link", "show", "--node", "1")
        assert [link["peer_id"] for link in links["links"]] == [2, 3]
        one = session.result("link.list", "link", "show", "2", "--node", "1")
        assert [link["state"] for link in one["links"]] == ["up"]
        ports = session.result("port.list", "port", "show", "--node", "1")
        assert ports["ports"][0]["up"] is True and ports["ports"][0]["kind"] == "memif"
        session.result("app.list", "app", "show", "--node", "1")
        config = session.result("config.get", "config", "show", "--node", "1")
        assert config["document"]["local_node"]["node_id"] == 1
        session.cli("version")
        session.cli("link", "show", "9", "--node", "1", code=3)
        session.cli("node", "show", "--node", "9", code=4)
        session.cli("link", "reset", "2", "--node", "1")
        sessions = lambda: session.json("link", "show", "2", "--node", "1")["links"][0]["sessions"]
        wait(lambda: sessions() > one["links"][0]["sessions"], 20, "the link to come back")
        session.wait_until_healthy()


def test_tables_are_for_people_and_hold_the_same(scene):
    with Session(scene) as session:
        shown = session.text("cluster", "status", "--node", "1")
        assert "3 nodes" in shown and "NOT encrypted" in shown, shown
        assert len(re.findall(r"^ +[123]  node-[123].* up ", shown, re.M)) == 3, shown
        assert "memif" in session.text("port", "show", "--node", "1")
        assert "up" in session.text("link", "show", "--node", "1")
        assert "no program is attached" in session.text("app", "show", "--node", "1")
        frame = session.text("top", "--once", "--node", "1")
        assert "node" in frame.lower(), frame


def test_a_ping_goes_through_the_links_and_takes_microseconds(scene):
    with Session(scene) as session:
        figures = session.json("ping", "2", "-c", "5", "-i", "0", "--node", "1")
        assert figures["sent"] == figures["received"] == 5
        assert 0 < figures["round_trip_p50_seconds"] < 1
        session.cli("ping", "9", "-c", "1", "--node", "1", code=3)


def test_what_is_sent_here_is_listened_to_there(scene):
    with Session(scene) as session:
        listener = scene.start("listen", scene.program(CLI), "listen", "7", "-c", "2", "-j",
                               "--node", "2")  # fmt: skip
        wait(lambda: session.json("app", "show", "--node", "2")["applications"], 20,
             "the listener to attach")  # fmt: skip
        # On a machine with too much to do the link may be down for a moment.
        for text in ("hello", "again"):
            wait(lambda text=text: session.cli("send", "2", "7", text, "--node", "1",
                                               code=None).code == 0,
                 20, "the listener to be bound, and the link to be up")  # fmt: skip
        assert listener.finish(20) == 0, listener.tail()
        shown = "\n".join(listener.out)
        assert "hello" in shown or "aGVsbG8" in shown or "68656c6c6f" in shown, listener.tail()
        session.cli("send", "2", "8", "nobody", "--node", "1", code=1)
        session.cli("send", "9", "7", "nowhere", "--node", "1", code=3)


def test_packets_are_captured_as_the_others_read_them(scene):
    with Session(scene) as session:
        path = scene.path("ping.pcapng")
        capture = scene.start("capture", scene.program(CLI), "capture", "-w", path, "-c", "4",
                              "--filter", "udp port 8801", "--for", "9", "--node", "1")  # fmt: skip
        wait(lambda: session.cli("ping", "2", "-c", "1", "--node", "1").code == 0
             and capture.child.poll() is not None, 30, "four packets")  # fmt: skip
        assert capture.finish(5) == 0, capture.tail()
        read = scene.run("tshark", "-r", path, "-T", "fields", "-e", "udp.dstport")
        assert read.code == 0, read.tail()
        assert [line for line in read.out if line] == ["8801"] * 4, read.tail()
        session.cli("capture", "-c", "1", "--filter", "no such word", "--node", "1", code=2)


def test_a_configuration_is_changed_while_the_node_runs_and_back(scene):
    with Session(scene) as session:
        path = session.path("node-1.json")
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        changed = scene.path("changed.json")

        def write(**changes):
            with open(changed, "w", encoding="utf-8") as file:
                json.dump(dict(document, **changes), file)

        write(limits={"dead_after_ms": 300}, control={"log": {"level": "debug"}},
              cpu={"idle": "poll"})  # fmt: skip
        # What the deployment set is kept: only the changes differ.
        diff = session.json("config", "diff", changed, "--node", "1")
        effects = {change["pointer"]: change["effect"] for change in diff["changes"]}
        assert effects.get("/limits/dead_after_ms") == "now", effects
        assert effects.get("/cpu/idle") == "now", effects
        write(limits={"dead_after_ms": 300})
        session.cli("config", "apply", changed, "--dry-run", "--node", "1")
        with open(path, encoding="utf-8") as file:
            assert json.load(file) == document, "a dry run wrote"
        applied = session.result("config.apply", "config", "apply", changed, "--node", "1")
        assert applied["version"] > diff["version"]
        shown = session.json("config", "show", "--node", "1")
        assert shown["document"]["limits"]["dead_after_ms"] == 300
        session.cli("config", "apply", changed, "--expect-version", "1", "--node", "1", code=1)
        session.cli("config", "rollback", "--node", "1")
        shown = session.json("config", "show", "--node", "1")
        assert shown["document"]["limits"]["dead_after_ms"] == 1_000
        write(limits={"queue_messages": 512})
        diff = session.json("config", "diff", changed, "--node", "1")
        assert [c["effect"] for c in diff["changes"]] == ["restart"], diff
        write(limits={"queue_messages": 100})
        session.cli("config", "apply", changed, "--node", "1", code=1)


def test_a_peer_is_taken_out_and_put_back_while_messages_flow(scene):
    with Session(scene) as session:
        with open(session.path("node-1.json"), encoding="utf-8") as file:
            document = json.load(file)
        whole, without = scene.path("whole.json"), scene.path("without.json")
        others = [peer for peer in document["cluster_nodes"] if peer["node_id"] != 3]
        for name, peers in ((whole, document["cluster_nodes"]), (without, others)):
            with open(name, "w", encoding="utf-8") as file:
                json.dump(dict(document, cluster_nodes=peers), file)
        sink = scene.generator("sink", "--node", session.path("node-2.json"))
        sink.wait_for("receives")
        traffic = scene.generator("run", "--node", session.path("node-1.json"), "--to", "2",
                                  "--rate", "1k", "--duration", "3s", "--json")  # fmt: skip
        session.cli("config", "apply", without, "--node", "1")
        peers = lambda: [link["peer_id"]
                         for link in session.json("link", "show", "--node", "1")["links"]]
        wait(lambda: peers() == [2], 10, "the link to node 3 to go")
        session.cli("config", "apply", whole, "--node", "1")
        assert traffic.finish(60) == 0, traffic.tail()
        figures = traffic.json()
        assert figures["lost"] == 0 and figures["received"] > 0, figures
        session.wait_until_healthy()


# ---- what goes wrong ----


def test_a_cut_link_is_found_with_the_cli_alone_and_mended(scene):
    with Session(scene) as session:
        session.fabric("partition", "1<->3")
        session.wait_for_problem(r"node 1: link to node 3 is down.*node 2 sees node 3")
        status = lambda: session.text("cluster", "status", "--node", "1", code=5)
        wait(lambda: "node 1 does not see node 3" in status(), 10, "node 1 to tell what it sees")
        shown = status()
        named = re.search(r"next: (ringroad link show 3 --node 1)", shown)
        assert named, shown
        link = session.text(*named[1].split()[1:])
        assert "connecting" in link and "round trip   p50 -, p99 -, smoothed -" in link, link
        assert "! node 1: link to node 3 is down" in link, link
        session.wait_for_doctor(1, "links: node 1: link to node 3 is down")
        session.cli("ping", "3", "-c", "1", "--node", "1", code=4)
        # Node 2 is told by the others of a link that is not its own.
        session.wait_for_problem(r"link to node [13] is down", node=2)
        wait(lambda: "mend:" in status(), 20, "the others to tell that they see node 3")
        session.mend(status())
        session.wait_until_healthy()


def test_a_dead_dataplane_is_one_problem_and_mended_as_said(scene):
    with Session(scene) as session:
        session.kill("node-3-dataplane")
        session.wait_for_problem("node 3: down for .*no other node hears it")
        wait(lambda: len(session.problems(1)) == 1, 20, "the others to miss it too")
        status = session.text("cluster", "status", "--node", "1", code=5)
        assert "3 nodes, 2 up" in status, status
        absent = session.result("cluster.status", "cluster", "status", code=5)["nodes"][2]
        assert absent["messages_sent_per_second"] is None and absent["links_up"] is None, absent
        own = session.result("node.status", "node", "show", "--node", "3")
        assert own["buffers_free"] is None and own["drops"] is None, own
        assert own["dataplane"]["mend"] == "tools/deploy_distributed.sh restart 3 dataplane", own
        port = session.result("port.list", "port", "show", "--node", "3")["ports"][0]
        assert port["up"] is False and port["packets_sent_total"] is None, port
        gone = own["dataplane"]["away_seconds"]
        assert abs(port["since_seconds"] - gone) < 5, (port, gone)
        session.wait_for_doctor(3, "sockets: its dataplane does not run.*"
                                "mend: tools/deploy_distributed.sh start 3 dataplane")  # fmt: skip
        session.mend(session.text("cluster", "status", "--node", "1", code=5))
        session.wait_until_healthy()


def test_a_dead_fabric_is_wrong_for_doctor_and_mended_as_said(scene):
    with Session(scene) as session:
        uptime = lambda: session.json("node", "show", "--node", "1")["dataplane"]["uptime_seconds"]
        wait(lambda: uptime() > 5, 20, "the node to have been up for some seconds")
        before = uptime()
        session.kill("fabric")
        session.wait_for_doctor(2, "port 0: .*nobody serves .*fabric.sock.*"
                                "mend: tools/deploy_distributed.sh restart fabric")  # fmt: skip
        wait(lambda: len(session.problems(1)) == 1, 20, "one cause to be told once")
        port = session.json("port", "show", "--node", "1")["ports"][0]
        assert port["up"] is False and port["since_seconds"] < uptime() - before + 2, port
        assert any("port is down" in problem["text"] for problem in port["problems"]), port
        states = lambda: [link["state"] for link in session.json("link", "show", "--node", "1")[
            "links"]]  # fmt: skip
        wait(lambda: states() == ["connecting"] * 2, 20, "idle links over a dead port to be down")
        session.mend(session.text("cluster", "status", "--node", "1", code=5))
        session.wait_until_healthy()


def test_since_when_a_node_is_up_outlives_the_control_process(scene):
    with Session(scene) as session:
        since = lambda node: session.json("cluster", "status", "--node", "1")["nodes"][node - 1][
            "since_seconds"]  # fmt: skip
        wait(lambda: since(2) > 10, 20, "node 2 to have been up for some seconds")
        session.succeed("restart", "1", "control")
        session.wait_until_healthy()
        for node in (1, 2, 3):
            assert since(node) > 10, f"node {node} is said to be up for {since(node)} s"


def test_messages_without_a_receiver_are_a_problem(scene):
    with Session(scene) as session:
        sink = scene.generator("sink", "--node", session.path("node-2.json"))
        sink.wait_for("receives")
        traffic = scene.generator("run", "--node", session.path("node-1.json"), "--to", "2",
                                  "--rate", "1k", "--duration", "60s")  # fmt: skip
        moves = lambda: session.json("link", "show", "2", "--node", "1")["links"][0][
            "messages_sent_per_second"] > 100  # fmt: skip
        wait(moves, 20, "messages to flow")
        sink.kill()
        session.wait_for_problem("node 2: .*no program is bound to their type", node=2)
        session.wait_for_problem("node 2: .*no program is bound to their type", node=1)
        assert "no program is bound" in session.text("app", "show", "--node", "2")
        session.cli("cluster", "status", "--node", "1", code=5)
        traffic.kill()
        traffic.child.wait(10)
        session.wait_until_healthy()


def test_a_dead_control_process_is_found_and_started_again(scene):
    with Session(scene) as session:
        session.kill("node-3-control")
        session.wait_for_problem(r"node 3.*control")
        shown = session.text("cluster", "status", "--node", "1", code=None)
        assert "next:" in shown, shown
        session.cli("node", "show", "--node", "3", code=4)
        # Messages go on without it.
        session.cli("ping", "3", "-c", "1", "--node", "1")
        said = session.doctor(3)
        told = [line for line in said if "control" in line]
        assert len(told) == 1, said
        assert told[0].endswith("mend: tools/deploy_distributed.sh start 3 control"), told
        assert not any("rm " in line for line in said), said
        session.mend(session.text("cluster", "status", "--node", "1", code=5))
        session.wait_until_healthy()


def test_every_process_is_killed_in_turn_and_comes_back(scene):
    with Session(scene) as session:
        for name in ("node-1-dataplane", "node-2-control", "node-3-dataplane", "fabric"):
            node, _, kind = name.removeprefix("node-").partition("-")
            session.kill(name)
            if kind == "dataplane":
                # Its control process stays, says so, and attaches again by itself.
                wait(lambda n=node: not session.json("node", "show", "--node", n)["dataplane"][
                    "attached"], 20, f"control of node {node} to notice")  # fmt: skip
                session.cli("ping", "2" if node != "2" else "1", "--node", node, "-c", "1", code=4)
            session.succeed("start", *([node, kind] if kind else ["fabric"]))
            session.wait_until_healthy()


def test_a_program_that_does_not_read_is_found(scene):
    with Session(scene) as session:
        sink = scene.generator("sink", "--node", session.path("node-2.json"))
        sink.wait_for("receives")
        traffic = scene.generator("run", "--node", session.path("node-1.json"), "--to", "2",
                                  "--rate", "100k", "--duration", "60s")  # fmt: skip
        moves = lambda: session.json("link", "show", "2", "--node", "1")["links"][0][
            "messages_sent_per_second"] > 1_000  # fmt: skip
        wait(moves, 20, "messages to flow")
        sink.child.send_signal(signal.SIGSTOP)
        try:
            session.wait_for_problem("node 2: messages wait for a program there that does not read")
            shown = session.text("cluster", "status", "--node", "1", code=5)
            assert "next: ringroad app show --node 2" in shown, shown
            session.wait_for_problem(rf"node 2: messages wait for .*\(process {sink.child.pid}\), "
                                     "which does not read", node=2)  # fmt: skip
            programs = session.result("app.list", "app", "show", "--node", "2")["applications"]
            assert [program["process_id"] for program in programs] == [sink.child.pid], programs
            assert programs[0]["does_read"] is False, programs
            assert "NO" in session.text("app", "show", "--node", "2")
            session.wait_for_doctor(2, f"programs: .*is halted.*mend: kill -CONT {sink.child.pid}")
        finally:
            sink.child.send_signal(signal.SIGCONT)
        wait(moves, 20, "messages to flow again")
        traffic.kill()
        traffic.child.wait(10)
        session.wait_until_healthy()


# ---- machines that ask ----


def test_metrics_and_health_follow_the_node(scene):
    with Session(scene) as session:
        address = session.json("node", "show", "--node", "1")["metrics_listen"]
        assert http(address, "/healthz")[0] == 200
        assert http(address, "/readyz")[0] == 200
        text = http(address, "/metrics")[1]
        checked = scene.run("promtool", "--version")
        if checked.code == 0:
            path = scene.path("metrics.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            judged = scene.run("bash", "-c", f"promtool check metrics < {path}")
            assert judged.code == 0, judged.tail()
        sent = re.search(r'^dist_messages_total{node="1",type="sent"} (\S+)', text, re.M)
        assert sent, text[:2000]
        session.kill("node-1-dataplane")
        wait(lambda: http(address, "/readyz")[0] == 503, 20, "the node to be unready")
        assert http(address, "/healthz")[0] == 200
        session.succeed("start", "1", "dataplane")
        wait(lambda: http(address, "/readyz")[0] == 200, 30, "the node to be ready again")


def test_nonsense_at_the_socket_is_answered_or_hung_up_on(scene):
    with Session(scene) as session:
        path = session.json("node", "show", "--node", "1")["control"]["socket"]
        for nonsense in (b"\n", b"{}\n", b"[]\n", b'{"jsonrpc":"2.0"}\n', b"\xff" * 1000 + b"\n",
                         b"[" * 10_000 + b"\n", b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
                         b'{"jsonrpc":"2.0","id":1,"method":"no.such"}\n'):  # fmt: skip
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(10)
                client.connect(path)
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        session.cli("node", "show", "--node", "1")


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
