#!/usr/bin/env python3
"""distributed_network_demo on two real nodes: both scenarios, alone and in company, cut short, and
what is wrong at its command line."""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402  pylint: disable=wrong-import-position
from harness import wait  # noqa: E402  pylint: disable=wrong-import-position


def two_nodes(scene):
    scene.fabric(2)
    nodes = [scene.dataplane(scene.config(node, [3 - node])) for node in (1, 2)]
    for number, node in enumerate(nodes, 1):
        node.wait_for(f"link     node {3 - number} is up")
    return nodes


def demo(scene, node, scenario, duration, *options):
    return scene.start(
        f"demo-{node}", scene.program("tools/distributed_network_demo/distributed_network_demo"),
        "--node-id", node, "--scenario", scenario, "--duration", duration, *options,
    )  # fmt: skip


def text_of(process):
    return "\n".join(process.out + process.err)


def number(pattern, process):
    match = re.search(pattern, text_of(process))
    assert match, f"no {pattern!r}\n{process.tail()}"
    return int(match.group(1).replace(",", ""))


def test_point_to_point_answers_everything_between_two_demos(scene):
    two_nodes(scene)
    second = demo(scene, 2, 1, 3)  # starts first and ends last: it answers all the while
    second.wait_for("received   round trip")
    first = demo(scene, 1, 1, 1)
    assert first.finish() == 0 and second.finish() == 0, first.tail() + second.tail()
    sent = number(r"sent +([\d,]+) messages to node 2", first)
    assert sent > 0 and number(r"outcomes +([\d,]+) delivered", first) == sent, first.tail()
    assert number(r"answers +([\d,]+);", first) == sent, first.tail()
    assert number(r"lost ([\d,]+)", first) == 0, first.tail()
    assert number(r"received +([\d,]+) messages of other", second) == sent, second.tail()
    assert re.search(r"round trip +p50 [\d.]+ [um]s, .*p99 [\d.]+ [um]s", text_of(first))
    assert any(re.match(r" +1 +[\d,]+", line) for line in first.out), first.tail()
    # It explains itself: each call it makes is named.
    for call in ("dist_net_init", "dist_net_start", "dist_net_bind", "dist_net_send"):
        assert call in text_of(first), call


def test_broadcast_tells_who_received(scene):
    two_nodes(scene)
    second = demo(scene, 2, 2, 3)
    second.wait_for("receipts    received")
    first = demo(scene, 1, 2, 1)
    assert first.finish() == 0 and second.finish() == 0, first.tail() + second.tail()
    sent = number(r"broadcast +([\d,]+) times", first)
    assert sent > 0 and number(r"node 2 +received ([\d,]+)", first) == sent, first.tail()
    assert number(r"node 1 .*and sent ([\d,]+)", second) == sent, second.tail()


def test_alone_it_says_where_to_start_another_and_fails(scene):
    nodes = two_nodes(scene)
    for scenario in (1, 2):
        alone = demo(scene, 1, scenario, 1)
        assert alone.finish() == 1, alone.tail()
        assert "no receiver on node 2" in text_of(alone), alone.tail()
        assert "start the demo there too" in text_of(alone), alone.tail()
        assert "nothing was delivered" in text_of(alone), alone.tail()
    nodes[1].kill(signal.SIGTERM)
    nodes[0].wait_for("link     node 2 is down")
    for scenario in (1, 2):
        cut = demo(scene, 1, scenario, 1)
        assert cut.finish() == 1, cut.tail()
        assert "no link to node 2" in text_of(cut), cut.tail()


def test_a_node_alone_talks_to_itself(scene):
    scene.fabric(1)
    scene.dataplane(scene.config(1, []))
    asks_itself = demo(scene, 1, 1, 1)
    assert asks_itself.finish() == 0, asks_itself.tail()
    assert "it asks itself" in text_of(asks_itself), asks_itself.tail()
    nobody = demo(scene, 1, 2, 1)
    assert nobody.finish() == 1 and "nobody to broadcast to" in text_of(nobody), nobody.tail()


def test_interrupted_it_sums_up(scene):
    two_nodes(scene)
    demo(scene, 2, 1, 600).wait_for("received   round trip")
    first = demo(scene, 1, 1, 600)
    wait(lambda: any(re.match(r" +1 +[\d,]+", line) for line in first.out), 20, "a line", first)
    first.kill(signal.SIGINT)
    assert first.finish(20) == 0, first.tail()
    assert number(r"answers +([\d,]+);", first) > 0


def test_a_node_that_dies_ends_it(scene):
    nodes = two_nodes(scene)
    demo(scene, 2, 1, 600).wait_for("received   round trip")
    first = demo(scene, 1, 1, 600)
    wait(lambda: any(re.match(r" +1 +[\d,]+", line) for line in first.out), 20, "a line", first)
    nodes[0].kill()
    assert first.finish(20) == 4, first.tail()
    assert "the node is gone" in text_of(first), first.tail()


def test_two_demos_on_one_node_do_not_share_its_messages(scene):
    two_nodes(scene)
    demo(scene, 1, 1, 600).wait_for("received   round trip")
    another = demo(scene, 1, 1, 1)
    assert another.finish() == 1 and "another demo" in text_of(another), another.tail()


def test_what_is_wrong_at_the_command_line_is_told_with_its_mend(scene):
    for arguments, code, text in (
        ((1, 3, 1), 2, "scenario 3 (consensus) is not there yet"),
        ((1, 8, 1), 2, "scenario 8 is not there yet"),
        ((1, 9, 1), 2, '"9" is not a scenario'),
        ((65, 1, 1), 2, "1 to 64"),
        ((0, 1, 1), 2, "1 to 64"),
        ((1, 1, 0), 2, "1 to 3600"),
        ((1, 1, "1x"), 2, "1 to 3600"),
        ((1, 1, 1, "--config", "a", "--directory", "b"), 2, "one of them"),
        ((1, 1, 1, "more"), 2, "more"),
        ((1, 1, 1), 4, "node-1.sock"),
        ((1, 1, 1, "--directory", scene.path("none")), 2, "node-1.json"),
    ):
        process = demo(scene, *arguments)
        assert process.finish(10) == code, f"{arguments}\n{process.tail()}"
        assert text in text_of(process) and "mend: " in text_of(process), process.tail()
    named = scene.run(
        scene.program("tools/distributed_network_demo/distributed_network_demo"), "--help"
    )
    assert named.code == 0 and "--scenario" in text_of(named) and not named.err, named.tail()
    partly = scene.run(
        scene.program("tools/distributed_network_demo/distributed_network_demo"), "--node-id", "1"
    )
    assert partly.code == 2 and "--scenario" in text_of(partly), partly.tail()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
