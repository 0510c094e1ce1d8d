"""What the tests of a session share: three real nodes with their control processes, the CLI that
asks them, and what is done to their processes."""

import contextlib
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "deploy"),
                os.path.join(HERE, "..", "cli")]  # fmt: skip
import harness  # noqa: E402  pylint: disable=wrong-import-position
import fake_control as interface  # noqa: E402  pylint: disable=wrong-import-position
from deployment import Deployment  # noqa: E402  pylint: disable=wrong-import-position
from harness import wait  # noqa: E402  pylint: disable=wrong-import-position

CLI = "tools/ringroad/ringroad"
FABRIC = "tools/ringroad-fabric/ringroad-fabric"


class Session(Deployment):
    """Three nodes that run, and the CLI that asks them."""

    def __init__(self, scene):
        super().__init__(scene, scene.build)
        for name in ("NO_COLOR", "RINGROAD_NODE"):
            scene.environment.pop(name, None)
        scene.environment.update(LC_ALL="C.UTF-8", XDG_STATE_HOME=scene.path("state"))

    def __enter__(self):
        self.succeed("deploy", "--cluster-size", 3)
        self.wait_until_healthy()
        return self

    def cli(self, *words, code=0, seconds=30):
        process = self.scene.run(self.scene.program(CLI), *words, seconds=seconds)
        assert code is None or process.code == code, f"{words}: {process.code}\n{process.tail()}"
        if "-j" not in words and words[0] in ("cluster", "node", "port", "link", "app", "top"):
            for line in process.out:
                assert len(line) <= 80, f"{words}: {len(line)} columns: {line}"
        return process

    def text(self, *words, code=0):
        process = self.cli(*words, code=code)
        return "\n".join(process.out + process.err)

    def json(self, *words, code=0):
        return self.cli(*words, "-j", code=code).json()

    def result(self, method, *words, code=0):
        """The JSON of a command that prints a method's result, as the description has it."""
        answer = self.json(*words, code=code)
        interface.check(interface.METHODS[method]["result"], answer)
        return answer

    def problems(self, node=1):
        answer = self.json("cluster", "status", "--node", node, code=None)
        return [problem["text"] for problem in answer.get("problems", [{"text": "no answer"}])]

    def wait_until_healthy(self):
        for node in (1, 2, 3):
            wait(lambda n=node: self.is_healthy(n), 30, f"node {node} to be well")

    def is_healthy(self, node):
        process = self.cli("cluster", "status", "-j", "--node", node, code=None)
        if process.code != 0:
            return False
        status = process.json()
        return not status["problems"] and all(n["state"] == "up" for n in status["nodes"])

    def wait_for_problem(self, pattern, node=1):
        found = lambda: any(re.search(pattern, text) for text in self.problems(node))
        try:
            wait(found, 30, f"a problem like {pattern!r}")
        except AssertionError:
            raise AssertionError(f"no {pattern!r} in {self.problems(node)}") from None

    def mend(self, said):
        """Does what the CLI said mends it."""
        mends = re.findall(r"mend: tools/deploy_distributed.sh (.*)", said)
        assert len(mends) == 1, said
        self.succeed(*mends[0].split())

    def doctor(self, node):
        """What doctor calls wrong with a node, in a line each."""
        answer = self.json("doctor", "--node", node, code=None)
        shown = self.cli("doctor", "--node", node, code=None)
        for line in shown.out:
            assert len(line) <= 80, f"doctor: {len(line)} columns: {line}"
        return [f"{one['subject']}: {one['text']} mend: {one['mend']}"
                for one in answer["findings"] if one["severity"] == "wrong"]  # fmt: skip

    def wait_for_doctor(self, node, pattern):
        found = []

        def is_found():
            found[:] = [line for line in self.doctor(node) if re.search(pattern, line)]
            return bool(found)

        wait(is_found, 30, f"doctor to say {pattern!r} of node {node}")
        return found

    def kill(self, name):
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        wait(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in _state(pid), 10, f"{name} to end")

    @contextlib.contextmanager
    def stopped(self, name):
        """Within it the process stands still, and goes on after."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            wait(lambda: _state(pid) == "T", 10, f"{name} to stop")
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def state_of(self, node, asked):
        """A node's state as another, or it itself, has it."""
        answer = self.json("cluster", "status", "--node", asked, code=None)
        return next(n["state"] for n in answer["nodes"] if n["node_id"] == node)

    def refused(self, *words, codes, seconds):
        """What a command says that ends with one of these exit codes, in less than so long."""
        begun = time.monotonic()
        process = self.cli(*words, code=None)
        took = time.monotonic() - begun
        assert process.code in codes, f"{words}: {process.code}\n{process.tail()}"
        assert took < seconds, f"{words}: took {took:.1f} s\n{process.tail()}"
        return "\n".join(process.out + process.err)

    def fabric(self, *words):
        process = self.scene.run(self.scene.program(FABRIC), "ctl", "--socket",
                                 self.scene.path("fabric-control.sock"), *words)  # fmt: skip
        assert process.code == 0, process.tail()


def _state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(") ", 1)[1][0]
    except OSError:
        return "Z"


def http(address, path):
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
