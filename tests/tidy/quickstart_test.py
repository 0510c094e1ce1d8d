#!/usr/bin/env python3
"""tools/quickstart's own logic, on stand-ins for the programs it drives.

What matters most about it is what it leaves behind: the cluster it deployed when it went well, and
nothing when a program failed or somebody interrupted it. The real programs are driven by the
end-to-end tests.
"""
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
QUICKSTART = os.path.join(HERE, "..", "..", "tools", "quickstart")
DEPLOY = os.path.join(HERE, "..", "..", "tools", "deploy_distributed.sh")
PROGRAMS = {"fabric": "tools/ringroad-fabric/ringroad-fabric",
            "node": "dataplane/ringroad-dataplane",
            "control": "control/ringroad-control",
            "log": "tools/ringroad-log/ringroad-log",
            "cli": "tools/ringroad/ringroad",
            "demo": "tools/distributed_network_demo/distributed_network_demo",
            "generator": "tools/ringroad-gen/ringroad-gen"}
RESULT = json.dumps({
    "received": 1000, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0,
    "msgs_per_s": 500.0, "goodput_bits_per_s": 1e6,
    "latency_ns": {"p50": 1500, "p99": 2_500_000, "max": 3_000_000}})
STAY = 'echo $$ >>"$PIDS"; echo "ready: $*" >&2; exec tail -f /dev/null\n'
NODE = ('echo $$ >>"$PIDS"; echo ready >&2\n'
        'for n in 1 2 3; do echo "link     node $n is up" >&2; done; exec tail -f /dev/null\n')
FAKE_CONTROL = os.path.join(HERE, "..", "e2e", "deploy", "fake_control")
CONTROL = f'echo $$ >>"$PIDS"; exec "{FAKE_CONTROL}" "$@"\n'
# Consensus of one value: node 1 leads, and all have all of it.
CLI = """case "$1 $2 $4" in
  "registry put "*) echo "$4" >"$PIDS.value" ;;
  "registry get "*) cat "$PIDS.value" ;;
  "raft status --node") echo '{"leader_id": 1, "commit_index": 5, "applied_index": 5}' ;;
  *) echo "the CLI says $*" ;;
esac
"""
LOG = 'for folder; do :; done; mkdir -p "$folder"\n'
GENERATE = 'echo $$ >>"$PIDS"; case $1 in sink) echo receives >&2; exec tail -f /dev/null;; esac\n'
CLUSTER = 7  # the fabric, and two processes of each of three nodes


def is_alive(pid):
    """Neither gone nor a zombie: where process 1 is no init, nobody collects orphans."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


class Stage:
    """A build directory of stand-ins, and places that must be empty again afterwards."""

    def __init__(self, **bodies):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        self.temporary = os.path.join(self.root, "tmp")
        self.runtime = os.path.join(self.root, "run")
        self.pids = os.path.join(self.root, "pids")
        self.environment = dict(os.environ, TMPDIR=self.temporary, PIDS=self.pids,
                                RINGROAD_RUNTIME_DIR=self.runtime)
        os.mkdir(self.temporary)
        self.write({"fabric": STAY, "node": NODE, "control": CONTROL, "cli": CLI, "log": LOG,
                    "demo": STAY,
                    "generator": GENERATE + f"echo '{RESULT}'\n", **bodies})
        self.start()

    def write(self, bodies):
        for name, body in bodies.items():
            full = os.path.join(self.root, PROGRAMS[name])
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + body)
            os.chmod(full, stat.S_IRWXU)
        with open(os.path.join(self.root, "build.ninja"), "w", encoding="utf-8") as file:
            file.write("".join(f"build {PROGRAMS[name]}: phony\n" for name in bodies))

    def start(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [QUICKSTART, "--no-setup", "--build-dir", self.root, "--seconds", "1"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def deploy(self, *words):
        return subprocess.run([DEPLOY, *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)

    def started(self):
        if not os.path.exists(self.pids):
            return []
        with open(self.pids, encoding="utf-8") as file:
            return [int(line) for line in file]

    def finish(self):
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors

    def running(self):
        return [pid for pid in self.started() if is_alive(pid)]

    def assert_nothing_left(self):
        assert not self.running(), f"still running: {self.running()}"
        for folder in (self.temporary, self.runtime):
            assert not os.path.exists(folder) or not os.listdir(folder), os.listdir(folder)


def test_whole_run():
    """A run prints a line a step, what the CLI says and a table, and leaves its cluster."""
    stage = Stage()
    code, output, errors = stage.finish()
    assert code == 0, output + errors
    assert all(f"[{n}/7]" in output for n in range(1, 8)), output
    assert output.count("2.5 ms") == 4, output
    assert "node 1 led and was killed" in output, output
    for text in ("the CLI says cluster status", "the CLI says link show", "running    three nodes",
                 "deploy_distributed.sh destroy"):
        assert text in output, output
    assert len(stage.started()) == CLUSTER + 6, stage.started()  # generators; the leader, again
    assert len(stage.running()) == CLUSTER, stage.running()
    assert not os.listdir(stage.temporary), os.listdir(stage.temporary)
    assert stage.deploy("status").returncode == 0
    assert stage.deploy("destroy").returncode == 0
    stage.assert_nothing_left()


def test_second_run():
    """A second run replaces the first one's cluster."""
    stage = Stage()
    assert stage.finish()[0] == 0
    first = stage.running()
    stage.start()
    code, output, errors = stage.finish()
    assert code == 0 and "an earlier quickstart's were ended" in output, output + errors
    second = stage.running()
    assert len(second) == CLUSTER and not set(first) & set(second), (first, second)
    assert stage.deploy("destroy").returncode == 0
    stage.assert_nothing_left()


def test_cluster_of_somebody_else():
    """A cluster that no quickstart deployed is left alone, and is told before anything is built."""
    stage = Stage()
    assert stage.finish()[0] == 0
    assert stage.deploy("destroy").returncode == 0
    deployed = stage.deploy("deploy", "--cluster-size", "3", "--build", stage.root)
    assert deployed.returncode == 0, deployed.stderr
    before = stage.running()
    stage.start()
    code, output, errors = stage.finish()
    assert code == 1 and "destroy" in errors and "[1/" not in output, output + errors
    assert stage.running() == before
    assert stage.deploy("destroy").returncode == 0
    stage.assert_nothing_left()


def test_damaged_messages():
    """A table with a damaged message in it is a failure."""
    damaged = RESULT.replace('"corrupted": 0', '"corrupted": 1')
    stage = Stage(generator=GENERATE + f"echo '{damaged}'\n")
    assert stage.finish()[0] == 1
    stage.assert_nothing_left()


def test_lost_write():
    """A write that is not read back is a failure."""
    stage = Stage(cli=CLI.replace('cat "$PIDS.value"', "echo hello"))
    code, _, errors = stage.finish()
    assert code == 1 and "node 1 lacks the write" in errors, errors
    stage.assert_nothing_left()


def test_failing_program():
    """A program that ends before it is ready ends the run with its last words."""
    stage = Stage(node='echo $$ >>"$PIDS"; echo no room >&2; exit 1\n')
    code, _, errors = stage.finish()
    assert code == 1 and "no room" in errors, errors
    stage.assert_nothing_left()


def test_interruption():
    """Interrupted at any point, it stops what it started."""
    hang = GENERATE + "exec tail -f /dev/null\n"
    for number, count in ((signal.SIGTERM, 1), (signal.SIGHUP, 3), (signal.SIGINT, CLUSTER - 1),
                          (signal.SIGTERM, CLUSTER + 1), (signal.SIGHUP, CLUSTER + 2)):
        stage = Stage(generator=hang)
        deadline = time.monotonic() + 20
        while len(stage.started()) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        stage.process.send_signal(number)
        code, _, errors = stage.finish()
        assert code == 130 and "interrupted" in errors, (code, errors)
        stage.assert_nothing_left()


if __name__ == "__main__":
    sys.exit(tap.run_functions(dict(globals())))
