#!/usr/bin/env python3
"""Dataplane and control process read one file at different times: edited while one of the two was
away, it holds for both as soon as both are back, or what takes a restart is named."""

import json
import sys

import session_test
from session_test import Session
from harness import wait


def edit(session, change):
    """Replaces the file of node 1 by change(what it holds), and returns what it held."""
    path = session.path("node-1.json")
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(change(document), file)
    return document


def peers(session):
    return [link["peer_id"] for link in session.json("link", "show", "--node", "1")["links"]]


def gaps(session):
    return session.json("node", "show", "--node", "1")["config_gaps"]


def test_a_file_edited_while_control_was_down_holds_for_the_dataplane_that_went_on(scene):
    with Session(scene) as session:
        session.kill("node-1-control")
        limits = {"dead_after_ms": 300, "queue_messages": 512}
        before = edit(session, lambda held: dict(held, cluster_nodes=[], limits=limits))
        session.succeed("start", "1", "control")
        wait(lambda: peers(session) == [], 20, "the links to go")
        named = "/limits/queue_messages changes only at a restart of ringroad-dataplane"
        wait(lambda: named in gaps(session), 20, "the restart to be named")
        session.wait_for_problem(named)
        # The other way round: what control holds is older than what the dataplane is started with.
        session.kill("node-1-dataplane")
        edit(session, lambda _: before)
        session.succeed("start", "1", "dataplane")
        wait(lambda: peers(session) == [2, 3], 20, "the links to come back")
        wait(lambda: gaps(session) == [], 20, "nothing to differ")
        session.wait_until_healthy()


if __name__ == "__main__":
    session_test.harness.main(sys.modules[__name__])
