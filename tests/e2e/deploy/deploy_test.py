#!/usr/bin/env python3
"""tools/deploy_distributed.sh: clusters of real nodes that come, are hurt, are mended and go; and,
with stand-ins for the programs, what it does when something is not as it should be."""

import json
import os
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402  pylint: disable=wrong-import-position
from deployment import (  # noqa: E402  pylint: disable=wrong-import-position
    CONTROL, DATAPLANE, FABRIC, FAKE_FABRIC, STAY, Deployment, fake_tree, real_tree, running,
)  # fmt: skip
from harness import Skip, wait  # noqa: E402  pylint: disable=wrong-import-position

NAMES = ["fabric"] + [f"node-{n}-{kind}" for n in (1, 2, 3) for kind in ("dataplane", "control")]


def text_of(process):
    return "\n".join(process.out + process.err)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def kill(pid):
    """Until it is gone: the signal alone says nothing of when."""
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not alive(pid), 10, f"process {pid} to end")


def assert_answers(process, code, *texts):
    assert process.code == code, f"{process.code} instead of {code}\n{process.tail()}"
    for text in texts:
        assert text in text_of(process), f"no {text!r}\n{process.tail()}"


# ---- real nodes ----


def test_three_nodes_see_one_another_and_leave_nothing(scene):
    with Deployment(scene, real_tree(scene)) as deployment:
        shown = deployment.succeed("deploy", "--cluster-size", 3)
        assert "NOT encrypted" in text_of(shown), shown.tail()
        assert sorted(os.listdir(deployment.path("processes"))) == sorted(NAMES)
        for name in NAMES:
            pid, start = deployment.record(name)
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(") ", 1)[1].split()
            assert int(fields[19]) == start, f"{name}: started at {fields[19]}, recorded {start}"
            assert int(fields[3]) == pid, f"{name}: not in a session of its own"
        status = deployment.succeed("status")
        rows = [line.split() for line in status.out if re.match(r"\d ", line)]
        assert [row[0] for row in rows] == ["1", "2", "3"], status.tail()
        assert all(row[2] == "running" for row in rows), status.tail()
        ports = {row[-1] for row in rows}
        assert len(ports) == 3 and all(p.startswith("127.0.0.1:") for p in ports), status.tail()
        assert status.out[0] == f"deployment {deployment.directory}", status.tail()
        assert status.out[1].startswith("cluster    ringroad, 3 nodes"), status.tail()
        assert all(len(line) <= 80 for line in status.out[1:]), status.tail()
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_messages_flow_and_go_on_after_the_fabric_was_killed_and_started(scene):
    with Deployment(scene, real_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 2)
        sink = scene.generator("sink", "--node", deployment.path("node-2.json"))
        sink.wait_for("receives")
        kill(deployment.pid("fabric"))
        assert_answers(deployment.run("status"), 5, "fabric has died", "start fabric")
        deployment.succeed("start", "fabric")
        assert_answers(deployment.run("status"), 0)
        traffic = scene.generator(
            "run", "--node", deployment.path("node-1.json"), "--to", "2", "--rate", "1k",
            "--duration", "1s", "--json",
        )  # fmt: skip
        assert traffic.finish() == 0, traffic.tail()
        assert traffic.json()["received"] > 0, traffic.tail()
        deployment.succeed("destroy")


def test_a_killed_process_is_told_and_started_again(scene):
    with Deployment(scene, real_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 3)
        before = {name: deployment.pid(name) for name in NAMES}
        kill(before["node-2-dataplane"])
        kill(before["node-3-control"])
        shown = deployment.run("status")
        assert_answers(shown, 5, "start 2 dataplane", "start 3 control")
        assert sum("dead" in line for line in shown.out) == 2, shown.tail()
        deployment.succeed("start", "2", "dataplane")
        deployment.succeed("restart", "3")
        assert_answers(deployment.run("status"), 0)
        changed = {name for name in NAMES if deployment.pid(name) != before[name]}
        assert changed == {"node-2-dataplane", "node-3-dataplane", "node-3-control"}, changed
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_a_halted_process_is_told_with_its_mend(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 2)
        pid = deployment.pid("node-2-dataplane")
        os.kill(pid, signal.SIGSTOP)
        shown = deployment.run("status")
        assert_answers(shown, 5, "node-2-dataplane is halted", f"kill -CONT {pid}",
                       "restart 2 dataplane")  # fmt: skip
        assert any(re.match(r"2 .*halted", line) for line in shown.out), shown.tail()
        os.kill(pid, signal.SIGCONT)
        assert_answers(deployment.run("status"), 0)
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_one_process_of_a_node_can_be_ended_alone(scene):
    with Deployment(scene, real_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 2)
        dataplane, control = deployment.pid("node-2-dataplane"), deployment.pid("node-2-control")
        deployment.succeed("stop", "2", "control")
        assert alive(dataplane) and not alive(control)
        shown = deployment.succeed("status")  # what was ended on purpose is not missing
        assert any(re.match(r"2 .*running.*stopped", line) for line in shown.out), shown.tail()
        shown = deployment.succeed("stop", "2")
        assert not alive(dataplane), shown.tail()
        deployment.succeed("start", "2")
        assert deployment.pid("node-2-control") != control
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


# ---- the script's own logic, on stand-ins ----


def test_a_dry_run_says_every_step_and_changes_nothing(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        before = sorted(os.listdir(scene.directory))
        shown = deployment.succeed("deploy", "--cluster-size", 2, "--dry-run")
        words = text_of(shown)
        for text in ("node-1.json", "node-2.json", FABRIC, DATAPLANE, CONTROL, "nothing was"):
            assert text in words, f"no {text}\n{shown.tail()}"
        assert sum("would start" in line for line in shown.out) == 5, shown.tail()
        assert sorted(os.listdir(scene.directory)) == before
        deployment.succeed("deploy", "--cluster-size", 2)
        pids = {deployment.pid(name) for name in os.listdir(deployment.path("processes"))}
        for command in (("stop", "1"), ("restart", "1"), ("destroy",)):
            assert any("would" in line for line in deployment.succeed(*command, "--dry-run").out)
            assert all(alive(pid) for pid in pids), command
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_what_is_wrong_at_the_command_line_is_told_with_its_mend(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        for arguments, code, text in (
            (("deploy",), 2, "--cluster-size"),
            (("deploy", "--cluster-size", 65), 2, "1 to 64"),
            (("deploy", "--cluster-size", "08"), 2, "1 to 64"),
            (("deploy", "--cluster-size"), 2, "takes a value"),
            (("deploy", "--cluster-size", 3, "--enable-tls"), 2, "not there yet"),
            (("deploy", "--cluster-size", 3, "--thread", 2), 2, "--thread"),
            (("deploy", "--cluster-size", 3, "--name", "a b"), 2, "letters"),
            (("deploy", "--cluster-size", 3, "--directory", "/tmp/a\"b"), 2, "characters"),
            (("deploy", "--cluster-size", 3, "--directory", "/tmp/" + "a" * 90), 2, "too long"),
            (("status", "--cluster-size", 3), 2, "is for deploy"),
            (("status",), 3, "nothing is deployed"),
            (("stop", "1"), 3, "nothing is deployed"),
            (("destroy",), 3, "nothing is deployed"),
            (("deplyo",), 2, 'did you mean "deploy"?'),
            (("deploi", "--cluster-size", 3), 2, 'did you mean "deploy"?'),
            (("frobnicate",), 2, "one of: deploy status"),
            (("deploy", "--cluster-sise", 3), 2, 'did you mean "--cluster-size"?'),
            (("deploy", "--cluster-sise=3"), 2, 'did you mean "--cluster-size"?'),
        ):
            shown = deployment.run(*arguments)
            assert_answers(shown, code, text, "mend: ")
        deployment.succeed("deploy", "--cluster-size", 2)
        for arguments, code, text in (
            (("stop", "3"), 3, "1 to 2"),
            (("stop",), 2, "number"),
            (("stop", "one"), 2, "number"),
            (("stop", "1", "everything"), 2, "dataplane"),
        ):
            assert_answers(deployment.run(*arguments), code, text, "mend: ")
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_programs_that_were_not_built_are_named(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        os.remove(os.path.join(deployment.build, CONTROL))
        shown = deployment.run("deploy", "--cluster-size", 1)
        assert_answers(shown, 1, CONTROL, "ninja -C", "--without-control")
        assert DATAPLANE not in text_of(shown), shown.tail()
        deployment.succeed("deploy", "--cluster-size", 1, "--without-control")
        assert_answers(deployment.run("start", "1", "control"), 3, "--without-control")
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_less_than_was_asked_for_is_said_with_its_reason(scene):
    # A machine of its own, whose kernel has no hugepages to give.
    os.makedirs(scene.path("machine/sys"))
    scene.environment["RINGROAD_RESERVE_ROOT"] = scene.path("machine")
    with Deployment(scene, fake_tree(scene)) as deployment:
        shown = deployment.succeed(
            "deploy", "--cluster-size", 1, "--threads", 32, "--huge-pages", 2048
        )
        assert_answers(shown, 0, "32 a node asked for, 1 given", "one io lcore",
                       "2048 asked for, 0 given", "no-huge")  # fmt: skip
        with open(deployment.path("node-1.json"), encoding="utf-8") as file:
            config = json.load(file)
        assert config["memory"]["mode"] == "none" and config["cpu"]["io_lcores"] == 1, config
        deployment.succeed("destroy")


def test_pages_it_had_reserved_are_given_back_and_those_in_use_are_not(scene):
    pages = scene.path("machine/sys/kernel/mm/hugepages/hugepages-2048kB")
    os.makedirs(pages)
    os.makedirs(scene.path("machine/proc"))

    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def total():
        with open(os.path.join(pages, "nr_hugepages"), encoding="utf-8") as file:
            return int(file.read())

    write(scene.path("machine/proc/meminfo"), "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    write(scene.path("machine/proc/mounts"), "h /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n")
    scene.environment["RINGROAD_RESERVE_ROOT"] = scene.path("machine")
    # Free when deploy comes, free when destroy comes, what stays of 10 and the 5 added.
    tree = fake_tree(scene)
    for free_before, free_after, left in ((0, 15, 10), (0, 3, 12), (7, 7, 10)):
        write(os.path.join(pages, "nr_hugepages"), "10\n")
        write(os.path.join(pages, "free_hugepages"), f"{free_before}\n")
        with Deployment(scene, tree) as deployment:
            shown = deployment.succeed("deploy", "--cluster-size", 1, "--huge-pages", 5)
            if free_before == 0:
                assert_answers(shown, 0, "10 -> 15 pages", "destroy gives back")
            assert total() == (15 if free_before == 0 else 10), shown.tail()
            write(os.path.join(pages, "free_hugepages"), f"{free_after}\n")
            shown = deployment.succeed("destroy")
            assert total() == left, shown.tail()
            assert (f"-> {left} hugepages" in text_of(shown)) == (free_before == 0), shown.tail()
            deployment.assert_nothing_left()


def test_an_id_that_is_somebody_elses_is_not_signalled(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 1)
        pid, start = deployment.record("node-1-dataplane")
        with open(deployment.path("processes/node-1-dataplane"), "w", encoding="utf-8") as file:
            file.write(f"{pid} {start - 1}\n")
        assert_answers(deployment.run("status"), 5, "node-1-dataplane has died")
        shown = deployment.succeed("stop", "1", "dataplane")
        assert "somebody else's" in text_of(shown), shown.tail()
        assert alive(pid)
        deployment.succeed("destroy")
        assert alive(pid)
        kill(pid)
        deployment.assert_nothing_left()


def test_a_process_deaf_to_sigterm_is_killed_and_that_is_told(scene):
    deaf = "trap '' TERM\n" + FAKE_FABRIC
    with Deployment(scene, fake_tree(scene, fabric=deaf)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 1)
        pid = deployment.pid("fabric")
        shown = deployment.succeed("stop", "fabric", "--patience", 1)
        assert_answers(shown, 0, "did not end within 1 s", "killed")
        assert not alive(pid)
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_an_interrupted_deploy_leaves_nothing(scene):
    stages = (
        # the signal, the tree's peculiarity, and how many processes run when it comes
        (signal.SIGINT, {"fabric": STAY}, 1),
        (signal.SIGTERM, {"dataplane": STAY}, 3),
        (signal.SIGHUP, {"dataplane": "echo ready\n" + STAY}, 5),  # no links
    )
    for number, peculiarity, count in stages:
        with Deployment(scene, fake_tree(scene, **peculiarity)) as deployment:
            process = deployment.start("deploy", "--cluster-size", 2)
            wait(lambda: deployment.started() >= count, 20, f"{count} processes", process)
            process.kill(number)
            assert process.finish(20) == 130, process.tail()
            assert "interrupted" in text_of(process), process.tail()
            deployment.assert_nothing_left()
        os.remove(os.path.join(deployment.build, CONTROL))


def test_a_program_that_is_not_ready_fails_the_deploy_with_its_last_words(scene):
    for body, text in (
        ("echo no room here; exit 1\n", "ended before it was ready"),
        ("echo no room here\n" + STAY, "within 4 s"),
    ):
        with Deployment(scene, fake_tree(scene, dataplane=body)) as deployment:
            shown = deployment.run("deploy", "--cluster-size", 1, "--patience", 4)
            assert_answers(shown, 1, text, "no room here")
            deployment.assert_nothing_left()
        os.remove(os.path.join(deployment.build, CONTROL))


def test_a_node_that_is_not_well_says_why_and_a_mended_one_need_not_wait_for_others(scene):
    scene.environment["RINGROAD_FAKE_UNREADY"] = "no dataplane"
    with Deployment(scene, fake_tree(scene)) as deployment:
        shown = deployment.run("deploy", "--cluster-size", 2, "--patience", 4)
        assert_answers(shown, 1, "node 1 says of itself: no dataplane")
        deployment.assert_nothing_left()
        del scene.environment["RINGROAD_FAKE_UNREADY"]
        deployment.succeed("deploy", "--cluster-size", 2)
        deployment.succeed("stop", "2")
        scene.environment["RINGROAD_FAKE_UNREADY"] = "a link is down"
        deployment.succeed("restart", "1")
        deployment.succeed("destroy")


def test_waiting_is_told_every_two_seconds(scene):
    with Deployment(scene, fake_tree(scene, fabric=STAY)) as deployment:
        shown = deployment.run("deploy", "--cluster-size", 1, "--patience", 3)
        assert_answers(shown, 1, "waiting for being ready of fabric")


def test_a_second_deploy_says_what_runs_and_elsewhere_works(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 2, "--name", "first")
        shown = deployment.run("deploy", "--cluster-size", 2)
        assert_answers(shown, 1, "cluster first, 2 nodes", deployment.directory,
                       "5 of its processes", "destroy")  # fmt: skip
        assert_answers(deployment.run("status"), 0)
        elsewhere = scene.path("elsewhere")
        os.mkdir(elsewhere)
        deployment.succeed("deploy", "--cluster-size", 1, "--directory", elsewhere)
        assert os.path.exists(os.path.join(elsewhere, "node-1-control.sock"))
        deployment.succeed("destroy", "--directory", elsewhere)
        assert os.listdir(elsewhere) == [], "the directory was there before: it stays, empty"
        assert_answers(deployment.run("status"), 0)
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_only_what_deploy_made_is_removed(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        precious = scene.path("precious")
        os.mkdir(precious)
        with open(os.path.join(precious, "notes"), "w", encoding="utf-8") as file:
            file.write("kept")
        for command in (("destroy",), ("deploy", "--cluster-size", 1)):
            assert deployment.run(*command, "--directory", precious).code == 1
            assert os.listdir(precious) == ["notes"]
        deployment.succeed("deploy", "--cluster-size", 1)
        with open(deployment.path("notes"), "w", encoding="utf-8") as file:
            file.write("kept")
        # The socket of a dataplane that was killed, and is by now listened at by another program.
        kill(deployment.pid("node-1-dataplane"))
        other = socket.socket(socket.AF_UNIX)
        other.bind(scene.path("node-1.sock"))
        other.listen()
        shown = deployment.succeed("destroy")
        assert_answers(shown, 0, "files of somebody else", "another deployment listens")
        assert os.listdir(deployment.directory) == ["notes"]
        assert os.path.exists(scene.path("node-1.sock"))
        assert not running(scene)


def test_of_two_deploys_at_once_one_has_the_place(scene):
    with Deployment(scene, fake_tree(scene)) as deployment:
        both = [deployment.start("deploy", "--cluster-size", 2) for _ in range(2)]
        codes = sorted(process.finish() for process in both)
        assert codes == [0, 1], "\n".join(process.tail() for process in both)
        assert_answers(deployment.run("status"), 0)
        assert len(running(scene)) == 5, running(scene)
        deployment.succeed("destroy")
        deployment.assert_nothing_left()


def test_where_there_is_no_room_deploy_says_so_and_leaves_nothing(scene):
    if os.geteuid() != 0:
        raise Skip("a file system of its own takes root")
    small = scene.path("small")
    os.mkdir(small)
    if scene.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", small).code != 0:
        raise Skip("this machine mounts no tmpfs")
    try:
        for kilobytes, text in ((16, "cannot be written to"), (15, "what it had made removed")):
            with open(os.path.join(small, "fill"), "wb") as file:
                file.write(b"x" * kilobytes * 4096)
            with Deployment(scene, fake_tree(scene)) as deployment:
                place = os.path.join(small, "deployment")
                shown = deployment.run("deploy", "--cluster-size", 2, "--directory", place)
                assert_answers(shown, 1, text)
                assert os.listdir(small) == ["fill"], shown.tail()
            os.remove(os.path.join(deployment.build, CONTROL))
    finally:
        scene.run("umount", small)


def test_a_strangers_deployment_is_not_believed(scene):
    if os.geteuid() != 0:
        raise Skip("making files somebody else's takes root")
    with Deployment(scene, fake_tree(scene)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 1)
        for path in (deployment.directory, deployment.path("deployment")):
            os.chown(path, 65534, 65534)
            for command in (("status",), ("start", "1"), ("destroy",)):
                assert_answers(deployment.run(*command), 1, "belongs to somebody else")
            os.chown(path, 0, 0)
        deployment.succeed("destroy")


def test_logs_are_shown_and_followed(scene):
    with Deployment(scene, fake_tree(scene, fabric="echo a word\n" + FAKE_FABRIC)) as deployment:
        deployment.succeed("deploy", "--cluster-size", 1)
        assert_answers(deployment.run("logs", "fabric"), 0, "a word")
        assert_answers(deployment.run("logs", "1"), 0, "ready    node", "ready")
        follower = deployment.start("logs", "1", "dataplane", "--follow")
        follower.wait_for("ready    node")
        with open(deployment.path("logs/node-1-dataplane.log"), "a", encoding="utf-8") as file:
            file.write("one line more\n")
        follower.wait_for("one line more")
        follower.kill(signal.SIGINT)
        follower.finish()
        deployment.succeed("destroy")


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
