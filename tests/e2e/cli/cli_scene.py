"""What the CLI's tests share: a fake control process that answers for node 1, the program run
against it, golden files, and a terminal that a program can be driven through."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]
import harness  # noqa: E402  pylint: disable=wrong-import-position
import fake_control  # noqa: E402  pylint: disable=wrong-import-position
import sample_answers as sample  # noqa: E402  pylint: disable=wrong-import-position
from harness import wait  # noqa: E402  pylint: disable=wrong-import-position

GOLDEN = os.path.join(HERE, "golden")


def cluster_answers(**changes):
    """A healthy node 1 of three."""
    version = {"schema_version": 1}
    answers = {
        "cluster.status": sample.HEALTHY_CLUSTER,
        "cluster.members": sample.MEMBERS,
        "node.status": sample.NODE,
        "link.list": lambda _c, params: sample.links_of(params, fake_control.Refusal),
        "link.reset": lambda _c, params: dict(version, peer_id=params["peer_id"]),
        "port.list": dict(version, ports=[sample.port(0), sample.port(1, up=False)]),
        "app.list": dict(version, node_id=1, applications=[sample.application(1)],
                         problems=[]),
        "config.get": dict(version, file="/etc/ringroad/node-1.json", version=1,
                           document={"local_node": {"node_id": 1}}),
        "config.diff": dict(version, version=1, changes=sample.CHANGES),
        "config.apply": lambda _c, params: dict(
            version, version=1 if params.get("dry_run") else 2,
            dry_run=params.get("dry_run", False), changes=sample.CHANGES),
        "config.rollback": dict(version, version=3, dry_run=False,
                                changes=sample.CHANGES[:1]),
        "ping": lambda _c, params: dict(version, peer_id=params["peer_id"],
                                        bytes=params.get("bytes", 64), round_trip_seconds=4.1e-6),
    }  # fmt: skip
    return dict(answers, **{name.replace("_", "."): answer for name, answer in changes.items()})


class Cli:
    """The program, asking a fake control process for node 1 in the scene's directory."""

    def __init__(self, scene, node=1, **changes):
        self.scene = scene
        self.node = node
        # What the tests' own terminal and user have set is not what is tested.
        for name in ("NO_COLOR", "RINGROAD_NODE"):
            scene.environment.pop(name, None)
        scene.environment.update(TERM="xterm", LC_ALL="C.UTF-8", HOME=scene.directory,
                                 XDG_STATE_HOME=scene.path("state"))  # fmt: skip
        self.program = scene.program("tools/ringroad/ringroad")
        self.fake = None
        self.start(**changes)

    def start(self, **changes):
        self.fake = fake_control.FakeControl(self.socket(), cluster_answers(**changes))

    def socket(self, node=None):
        return self.scene.path(f"node-{node or self.node}-control.sock")

    def run(self, *words, code=0, seconds=30):
        """Runs to its end; the exit code must be `code`. Returns the process."""
        process = self.scene.run(self.program, *words, seconds=seconds)
        assert process.code == code, f"exit code {process.code}, not {code}\n{process.tail()}"
        assert not self.fake.faults, self.fake.faults
        output = "\n".join(process.out + process.err)
        assert "\x1b" not in output, f"moves or colours off a terminal: {output!r}"
        return process

    def json(self, *words, code=0):
        return self.run(*words, "-j", code=code).json()

    def result(self, method, *words, code=0):
        """The JSON of a command that prints a method's result: as the description has it."""
        answer = self.json(*words, code=code)
        fake_control.check(fake_control.METHODS[method]["result"], answer)
        return answer

    def table(self, name, *words, code=0):
        """The table of a command is as its golden file, and fits."""
        process = self.run(*words, code=code)
        for line in process.out:
            assert len(line) <= 80, f"{len(line)} columns: {line}"
        golden(name, "\n".join(process.out) + "\n", self.scene)

    def terminal(self, *words, columns=80, rows=24):
        return Terminal([self.program, *words], self.scene, columns, rows)


def golden(name, text, scene):
    """Compares with the file, which RINGROAD_UPDATE_GOLDEN=1 writes instead."""
    text = text.replace(scene.directory, "DIRECTORY")
    path = os.path.join(GOLDEN, name + ".txt")
    if os.environ.get("RINGROAD_UPDATE_GOLDEN") == "1":
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    with open(path, encoding="utf-8") as file:
        expected = file.read()
    assert text == expected, f"{path}:\n--- expected\n{expected}--- is\n{text}"


class Terminal:
    """A program at a pseudo-terminal: what it shows is kept, keys are typed into it."""

    out = err = ()

    def __init__(self, argv, scene, columns=80, rows=24):
        self.process_id, self.descriptor = pty.fork()
        if self.process_id == 0:
            os.execvpe(argv[0], argv, scene.environment)
        self.shown = ""
        self.code = None
        self.child = _Child(self)  # as Scene ends its processes
        self.resize(columns, rows)
        scene.processes.append(self)
        self.name = argv[0]

    def resize(self, columns, rows):
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def read(self, seconds=0.05):
        while select.select([self.descriptor], [], [], seconds)[0]:
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                return
            if not data:
                return
            self.shown += data.decode(errors="replace")

    def wait_for(self, text, seconds=20):
        """Until what was shown since the last wait holds the text, which is then forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"waited for {text!r}, saw {self.shown!r}"
            self.read()
        end = self.shown.index(text) + len(text)
        before, self.shown = self.shown[:end], self.shown[end:]
        return before

    def finish(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.code is None:
            assert time.monotonic() < deadline, f"did not end; saw {self.shown!r}"
            self.read()
            ended, status = os.waitpid(self.process_id, os.WNOHANG)
            if ended:
                self.code = os.waitstatus_to_exitcode(status)
        self.read(0)
        return self.code

    def mode(self):
        """Of the terminal: whether it echoes and takes lines."""
        flags = termios.tcgetattr(self.descriptor)[3]
        return bool(flags & termios.ECHO), bool(flags & termios.ICANON)

    # ---- as the scene's other processes ----

    def kill(self, number=signal.SIGKILL):
        if self.code is None:
            os.kill(self.process_id, number)

    def alive(self):
        return self.code is None

    def tail(self):
        return f"  tty| {self.shown[-600:]!r}"


class _Child:
    """What Scene.close wants of a process's child."""

    def __init__(self, terminal):
        self.terminal = terminal

    def poll(self):
        return self.terminal.code

    def wait(self, seconds):
        if self.terminal.code is not None:
            return
        try:
            self.terminal.finish(seconds)
        except AssertionError:
            raise subprocess.TimeoutExpired(self.terminal.name, seconds) from None



def plain(text):
    """What a terminal shows of it, roughly: without its commands."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]", "", text).replace("\r", "")


__all__ = ["Cli", "Terminal", "cluster_answers", "fake_control", "golden", "harness", "plain",
           "sample", "wait"]  # fmt: skip
