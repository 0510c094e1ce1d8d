#!/usr/bin/env python3
"""tools/quickstart's own logic, on stand-ins for the programs it drives.

What matters most about it is what it leaves behind: nothing, whether it went well, a program failed
or somebody interrupted it. The real programs are driven by the end-to-end tests.
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
PROGRAMS = {"fabric": "tools/ringroad-fabric/ringroad-fabric",
            "node": "dataplane/ringroad-dataplane",
            "generator": "tools/ringroad-gen/ringroad-gen"}
RESULT = json.dumps({
    "received": 1000, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0,
    "msgs_per_s": 500.0, "goodput_bits_per_s": 1e6,
    "latency_ns": {"p50": 1500, "p99": 2_500_000, "max": 3_000_000}})
STAY = 'echo $$ >>"$PIDS"; echo "ready: $*" >&2; exec tail -f /dev/null\n'
GENERATE = 'echo $$ >>"$PIDS"; case $1 in sink) echo receives >&2; exec tail -f /dev/null;; esac\n'


class Stage:
    """A build directory of stand-ins, and a place that must be empty again afterwards."""

    def __init__(self, **bodies):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        self.temporary = os.path.join(self.root, "tmp")
        self.pids = os.path.join(self.root, "pids")
        os.mkdir(self.temporary)
        bodies = {"fabric": STAY, "node": STAY, "generator": GENERATE + f"echo '{RESULT}'\n",
                  **bodies}
        for name, path in PROGRAMS.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + bodies[name])
            os.chmod(full, stat.S_IRWXU)
        with open(os.path.join(self.root, "build.ninja"), "w", encoding="utf-8") as file:
            file.write("".join(f"build {path}: phony\n" for path in PROGRAMS.values()))
        environment = dict(os.environ, TMPDIR=self.temporary, PIDS=self.pids)
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [QUICKSTART, "--no-setup", "--build-dir", self.root, "--seconds", "1"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def started(self):
        if not os.path.exists(self.pids):
            return []
        with open(self.pids, encoding="utf-8") as file:
            return [int(line) for line in file]

    def finish(self):
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors

    def assert_nothing_left(self):
        running = [pid for pid in self.started() if os.path.exists(f"/proc/{pid}")]
        assert not running, f"still running: {running}"
        assert not os.listdir(self.temporary), os.listdir(self.temporary)


def test_whole_run():
    """A run prints a line a step and a table, and leaves nothing."""
    stage = Stage()
    code, output, errors = stage.finish()
    assert code == 0, output + errors
    assert all(f"[{n}/6]" in output for n in range(1, 7)), output
    assert output.count("2.5 ms") == 4, output
    assert len(stage.started()) == 8, stage.started()
    stage.assert_nothing_left()


def test_damaged_messages():
    """A table with a damaged message in it is a failure."""
    damaged = RESULT.replace('"corrupted": 0', '"corrupted": 1')
    stage = Stage(generator=GENERATE + f"echo '{damaged}'\n")
    assert stage.finish()[0] == 1
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
    for number, count in ((signal.SIGTERM, 1), (signal.SIGHUP, 3), (signal.SIGTERM, 5)):
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
