#!/usr/bin/env python3
"""send and listen: real nodes on the fabric carry the messages, while what they need of the control
process (where the node's socket is) is answered for it."""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable-next=wrong-import-position,import-error
from cli_scene import Cli, harness, sample, wait  # noqa: E402


def two_nodes(scene):
    """Nodes 1 and 2 and a CLI for each, once their link is up."""
    scene.fabric(2)
    nodes = [scene.dataplane(scene.config(node, [3 - node])) for node in (1, 2)]
    clis = [Cli(scene, node=node, node_status=dict(
        sample.NODE, node_id=node, host_socket=scene.path(f"node-{node}.sock")))
            for node in (1, 2)]  # fmt: skip

    def is_up():
        process = scene.run(clis[0].program, "send", "2", "7", "--node", "1")
        return any(line.startswith("no receiver") for line in process.out)

    wait(is_up, 30, "the link to come up")
    return clis, nodes


def listen(scene, *words):
    process = scene.start("listen", scene.program("tools/ringroad/ringroad"), "listen", "--node",
                          "2", *words)  # fmt: skip
    process.wait_for("listens on node 2")
    return process


def test_messages_are_sent_printed_and_their_outcome_told(scene):
    (one, _), _ = two_nodes(scene)
    listener = listen(scene, "7", "-c", "2")
    process = one.run("send", "2", "7", "hello there", "--node", "1")
    assert process.out[0].startswith("delivered: 11 B to node 2, type 7, in "), process.tail()
    answer = one.json("send", "2", "7", "--node", "1", "caf\u00e9")
    assert answer["outcome"] == "delivered" and answer["bytes"] == 5, answer
    assert listener.finish(20) == 0, listener.tail()
    assert listener.out == ["node 1  type 7  11 B  hello there", "node 1  type 7  5 B  caf\u00e9"]


def test_standard_input_is_sent_as_it_is_and_listed_as_hex_and_json(scene):
    (one, _), _ = two_nodes(scene)
    listener = listen(scene, "-j", "-c", "1")
    shell = f"printf 'a\\0b' | {one.program} send 2 9 - --node 1"
    process = scene.run("/bin/bash", "-c", shell)
    assert process.code == 0, process.tail()
    assert listener.finish(20) == 0, listener.tail()
    message = json.loads(listener.out[0])
    assert (message["hex"], message["text"], message["type"]) == ("610062", "a?b", 9), message
    listener = listen(scene, "9", "--as", "hex", "-c", "1")
    process = scene.run("/bin/bash", "-c", shell)
    assert process.code == 0, process.tail()
    assert listener.finish(20) == 0 and listener.out == ["node 1  type 9  3 B  610062"]


def test_how_a_message_ends_is_the_exit_code(scene):
    (one, _), nodes = two_nodes(scene)
    process = one.run("send", "2", "12", "x", "--node", "1", code=1)
    assert process.out[0].startswith("no receiver: "), process.tail()
    one.run("send", "9", "7", "x", "--node", "1", code=3)
    one.run("send", "2", "seven", "x", "--node", "1", code=2)
    one.run("send", "2", "7", "x", "--priority", "0", "--node", "1", code=2)
    nodes[1].kill(signal.SIGTERM)
    nodes[1].finish(20)
    wait(lambda: scene.run(one.program, "send", "2", "7", "x", "--node", "1").code == 4, 20,
         "the link to be down")  # fmt: skip


def test_a_listener_ends_in_time_or_by_ctrl_c(scene):
    two_nodes(scene)
    assert listen(scene, "7", "--for", "0.2").finish(20) == 6
    listener = listen(scene)
    listener.kill(signal.SIGINT)
    assert listener.finish(20) == 0, listener.tail()


def test_messages_go_on_without_a_control_process(scene):
    clis, _ = two_nodes(scene)
    for cli in clis:
        cli.fake.close()
    listener = listen(scene, "7", "-c", "1")
    clis[0].run("send", "2", "7", "still", "--node", "1")
    assert listener.finish(20) == 0, listener.tail()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
