#!/usr/bin/env python3
"""Processes that are there and do not move, as under a debugger, a frozen cgroup or a disk that
hangs: whoever asks is told soon and told what, nobody else is held up, and when they go on all is
as before. Captures that began late, or whose end nobody waited for, are in nobody's way."""

import json
import re
import signal
import sys

from session import CLI, Session, harness, http
from harness import wait

CLI_PATIENCE_S = 5  # the CLI's own, unless told otherwise


def capture_of(session, node, code=None):
    return session.cli("capture", "-c", "1", "--for", "20", "--node", node, code=code)


def test_a_stopped_dataplane_is_down_for_all_and_for_its_own_control(scene):
    with Session(scene) as session:
        address = session.json("node", "show", "--node", "3")["metrics_listen"]
        with session.stopped("node-3-dataplane"):
            wait(lambda: session.state_of(3, asked=1) == "down", 20, "node 1 to miss node 3")
            status = session.result("cluster.status", "cluster", "status", "--node", "1", code=5)
            texts = [problem["text"] for problem in status["problems"]]
            assert any(re.search("node 3: down for .*stopped", text) for text in texts), texts
            wait(lambda: session.state_of(3, asked=3) == "down", 20, "node 3 to miss itself")
            session.wait_for_problem("node 3: its dataplane has not moved for .*stopped", node=3)
            own = session.result("cluster.status", "cluster", "status", "--node", "3", code=5)
            assert "up" not in [node["state"] for node in own["nodes"]], own["nodes"]
            shown = session.result("node.status", "node", "show", "--node", "3")
            assert shown["state"] == "down" and shown["dataplane"]["moves"] is False, shown
            assert "has not moved" in shown["dataplane"]["reason"], shown
            assert shown["buffers_free"] is None and shown["loops"] == [], shown
            assert "mend: tools/deploy_distributed.sh restart 3 dataplane" in session.text(
                "node", "show", "--node", "3")  # fmt: skip
            session.wait_for_doctor(3, "node: the dataplane .*is halted.*mend: kill -CONT")
            links = session.result("link.list", "link", "show", "--node", "3")
            assert not links["links"] and links["problems"], links
            wait(lambda: http(address, "/readyz")[0] == 503, 20, "node 3 to be unready")
            assert "does not move" in http(address, "/readyz")[1]
            assert http(address, "/healthz")[0] == 200
            for command in (["ping", "2", "-c", "1"], ["capture", "-c", "1"],
                            ["link", "reset", "2"]):  # fmt: skip
                said = session.refused(*command, "--node", "3", codes=(4,), seconds=1)
                assert "has not moved" in said, said
            changed = session.json("config", "show", "--node", "3")["document"]
            changed["limits"] = dict(changed.get("limits", {}), dead_after_ms=2_000)
            path = scene.path("changed.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(changed, file)
            said = session.refused("config", "apply", path, "--node", "3", codes=(4,), seconds=1)
            assert "nothing was changed: the dataplane has not moved" in said, said
            assert "mend: tools/deploy_distributed.sh restart 3 dataplane" in said, said
            for noun in ("app", "port", "link"):
                assert "! node 3: its dataplane has not moved" in session.text(
                    noun, "show", "--node", "3")  # fmt: skip
        session.wait_until_healthy()
        wait(lambda: http(address, "/readyz")[0] == 200, 20, "node 3 to be ready again")
        session.cli("ping", "2", "-c", "1", "--node", "3")


def test_a_capture_of_a_stopped_dataplane_is_refused_in_time_and_the_next_one_works(scene):
    with Session(scene) as session:
        with session.stopped("node-3-dataplane"):
            # At once, before anybody can know that it is more than slow, and again.
            for _ in range(3):
                said = session.refused("capture", "-c", "1", "--node", "3", codes=(4, 6),
                                       seconds=CLI_PATIENCE_S)  # fmt: skip
                assert "stopped, or stuck" in said, said
        # What was asked of it then begins late, and ends before this begins.
        capture_of(session, 3, code=0)
        session.wait_until_healthy()


def test_a_stopped_control_process_holds_up_nobody_and_catches_up(scene):
    with Session(scene) as session:
        sink = scene.generator("sink", "--node", session.path("node-2.json"))
        sink.wait_for("receives")
        with session.stopped("node-2-control"):
            traffic = scene.generator("run", "--node", session.path("node-1.json"), "--to", "2",
                                      "--rate", "1k", "--duration", "3s", "--json")  # fmt: skip
            said = session.refused("node", "show", "--node", "2", codes=(6,),
                                   seconds=CLI_PATIENCE_S + 5)  # fmt: skip
            assert "did not answer in time" in said and "mend:" in said, said
            session.refused("node", "show", "--node", "2", "--timeout", "0.2", codes=(6,),
                            seconds=CLI_PATIENCE_S)  # fmt: skip
            session.wait_for_problem("node 2: its link is up, but its control process has told "
                                     "nothing for")  # fmt: skip
            assert session.state_of(2, asked=1) == "unknown"
            assert traffic.finish(60) == 0, traffic.tail()
            figures = traffic.json()
            assert figures["received"] > 0 and figures["lost"] == 0, figures
            session.cli("ping", "2", "-c", "1", "--node", "1")
        session.wait_until_healthy()
        received = session.json("link", "show", "1", "--node", "2")["links"][0][
            "messages_received_total"]  # fmt: skip
        assert received >= figures["received"], (received, figures)
        sink.kill()


def test_a_capture_that_was_left_is_in_nobodys_way(scene):
    with Session(scene) as session:
        for what in ("client killed", "control stopped meanwhile", "control killed"):
            capture = scene.start("capture", scene.program(CLI), "capture", "-c", "1000000",
                                  "--node", "1")  # fmt: skip
            capture.wait_for("captures port0")
            refused = session.text("capture", "-c", "1", "--node", "1", code=1)
            assert "a capture runs already" in refused, refused
            if what == "control killed":
                session.kill("node-1-control")
                assert capture.finish(20) == 4, capture.tail()
                session.succeed("start", "1", "control")
            elif what == "control stopped meanwhile":
                with session.stopped("node-1-control"):
                    capture.kill(signal.SIGKILL)
                    capture.finish(5)
            else:
                capture.kill(signal.SIGKILL)
                capture.finish(5)
            # The control process hears of the client's end when its loop comes to it.
            wait(lambda: capture_of(session, 1).code == 0, 20, f"a capture after: {what}")
        session.wait_until_healthy()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
