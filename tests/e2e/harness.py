"""Real processes for end-to-end tests: start them, wait for what they say, end what was started.

A test is a function that takes a Scene. `main` runs every function named test_* of a module in the
order they stand, each in a fresh scene, and prints TAP. Nothing here sleeps for a fixed time: wait
polls a condition against a deadline.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; its text says why."""


class Process:
    """A started program whose output is kept line by line."""

    def __init__(self, name, argv, environment):
        self.name = name
        self.out, self.err = [], []
        self.child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
        )
        self.threads = [
            threading.Thread(target=self._drain, args=pair, daemon=True)
            for pair in ((self.child.stdout, self.out), (self.child.stderr, self.err))
        ]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _drain(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def alive(self):
        return self.child.poll() is None

    def wait_for(self, text, seconds=20):
        """Until a line of either stream holds the text."""
        found = lambda: any(text in line for line in self.out + self.err)
        wait(lambda: found() or not self.alive(), seconds, f"{self.name} to say {text!r}", self)
        if not found():
            raise AssertionError(f"{self.name} ended with {self.child.returncode}\n{self.tail()}")

    def finish(self, seconds=60):
        """Waits for the end; returns the exit code."""
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {seconds} s\n{self.tail()}") from None
        for thread in self.threads:
            thread.join(5)
        return code

    def json(self):
        return json.loads("\n".join(self.out))

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self.child.send_signal(number)

    def tail(self):
        lines = [f"  out| {line}" for line in self.out[-15:]]
        return "\n".join(lines + [f"  err| {line}" for line in self.err[-25:]])


def wait(condition, seconds, what, process=None):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            tail = "\n" + process.tail() if process else ""
            raise AssertionError(f"waited {seconds} s for {what}{tail}")
        time.sleep(0.01)


class Scene:
    """A directory and the processes of one test; both are gone when it ends."""

    def __init__(self, build):
        self.build = build
        self.directory = tempfile.mkdtemp(prefix="ringroad-e2e-")
        self.processes = []
        self.environment = dict(os.environ, RINGROAD_RUNTIME_DIR=self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(self.build, name)

    def start(self, name, *argv, prefix=()):
        process = Process(name, [*prefix, *map(str, argv)], self.environment)
        self.processes.append(process)
        return process

    def run(self, *argv, seconds=60, prefix=()):
        process = self.start(os.path.basename(str(argv[0])), *argv, prefix=prefix)
        process.code = process.finish(seconds)
        return process

    def close(self):
        for process in reversed(self.processes):
            process.kill(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.child.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.child.wait(5)
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- what Ringroad's tests start again and again ----

    def config(self, node, peers, **changes):
        """Writes a node's configuration; `changes` replace top-level keys. Returns its path."""
        document = {
            "local_node": {"node_id": node, "bind_address": f"10.77.0.{node}"},
            "cluster_nodes": [
                {"node_id": peer, "endpoints": [{"address": f"10.77.0.{peer}", "port": 8801}]}
                for peer in peers
            ],
            "security": {"tls": {"enabled": False}},
            "ports": [
                {
                    "kind": "memif",
                    "role": "slave",
                    "socket": self.path("fabric.sock"),
                    "id": node,
                }
            ],
            "host": {"socket": self.path(f"node-{node}.sock")},
        }
        document.update(changes)
        path = self.path(f"node-{node}.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        return path

    def fabric(self, ports, *options):
        process = self.start(
            "fabric", self.program("tools/ringroad-fabric/ringroad-fabric"), "run",
            "--ports", ports, "--socket", self.path("fabric.sock"),
            "--control", self.path("fabric.ctl"), *options,
        )  # fmt: skip
        process.wait_for("ready")
        return process

    def dataplane(self, config, prefix=()):
        process = self.start(
            "dataplane", self.program("dataplane/ringroad-dataplane"), "--config", config,
            prefix=prefix,
        )  # fmt: skip
        process.wait_for("ready")
        return process

    def generator(self, *argv, prefix=()):
        return self.start("gen", self.program("tools/ringroad-gen/ringroad-gen"), *argv,
                          prefix=prefix)  # fmt: skip


def main(module):
    parser = argparse.ArgumentParser(description=module.__doc__)
    parser.add_argument("--build", required=True, help="meson's build directory")
    parser.add_argument("tests", nargs="*", help="names of tests; all when none is given")
    options = parser.parse_args()
    # A run under nohup, or in a script's background, ignores these; what it tests must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    tests = [
        (name, function)
        for name, function in vars(module).items()
        if name.startswith("test_") and (not options.tests or name in options.tests)
    ]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        scene = Scene(options.build)
        try:
            function(scene)
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
            # Those that run, and the last that ended: waiting may have asked hundreds of times.
            ended = [process for process in scene.processes if not process.alive()]
            for process in scene.processes:
                if process in ended[:-8]:
                    continue
                print(f"# -- {process.name} ({process.child.poll()})", flush=True)
                for line in process.tail().splitlines():
                    print(f"# {line}", flush=True)
        finally:
            scene.close()
    sys.exit(1 if failed else 0)
