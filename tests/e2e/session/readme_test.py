#!/usr/bin/env python3
"""Every command that README.md shows is run, as it stands there, and ends well: the sections in
their order, with nothing but a build and an empty runtime directory before them."""

import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..")]
import harness  # noqa: E402  pylint: disable=wrong-import-position

TREE = os.path.normpath(os.path.join(HERE, "..", "..", ".."))
# Run by others: the whole test command cannot run within itself, and tests/tidy/quickstart_test.py
# and .ci/run have the other two.
ELSEWHERE = ("tools/quickstart", "tools/test")


def blocks():
    """(section, commands) of each block of commands, and the JSON file that is shown."""
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    section, found, shown = "", [], []
    for match in re.finditer(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if match[1]:
            section = match[1]
        elif match[2] == "json":
            shown.append(match[3])
        elif not match[2] and re.match(r"[a-z./]+ ?", match[3]) and "-->" not in match[3]:
            commands = [re.sub(r"\s+#.*", "", line).strip() for line in match[3].splitlines()]
            if re.match(r"(build|tools|ringroad|curl)", commands[0]):
                found.append((section, [command for command in commands if command]))
    return found, shown[0]


class Shell:
    """bash in the tree, with the built programs where README.md says they are."""

    def __init__(self, scene):
        self.scene = scene
        # README.md says build/: whatever this build is called.
        self.root = scene.path("tree")
        os.mkdir(self.root)
        for name in os.listdir(TREE):
            if name != "build":
                os.symlink(os.path.join(TREE, name), os.path.join(self.root, name))
        os.symlink(os.path.abspath(scene.build), os.path.join(self.root, "build"))
        programs = ("ringroad-fabric", "ringroad-gen")
        folders = (f"{self.root}/build/tools/{name}" for name in programs)
        scene.environment.update(PATH=":".join([*folders, os.environ["PATH"]]), LC_ALL="C.UTF-8")
        self.background = []

    def run(self, command, seconds=60):
        waits = not command.endswith("&")
        child = subprocess.Popen(["bash", "-c", command.rstrip("& ")], cwd=self.root, text=True,
                                 env=self.scene.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 start_new_session=True)  # fmt: skip
        if not waits:
            self.background.append((command, child))
            return ""
        try:
            output = child.communicate(timeout=seconds)[0]
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        # The doctor may find this machine ill: that is an answer too.
        fine = (0, 5) if " doctor " in command else (0,)
        assert child.returncode in fine, f"$ {command}\n{output}\nexit code {child.returncode}"
        return output

    def eventually(self, command, seconds=30):
        """What stands beside a command in the background may come before that is ready."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.run(command)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def finish(self):
        for command, child in self.background:
            output = child.communicate(timeout=60)[0]
            assert child.returncode == 0, f"$ {command}\n{output}\nexit code {child.returncode}"
        self.background = []

    def close(self):
        for _, child in self.background:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        subprocess.run(["tools/deploy_distributed.sh", "destroy"], cwd=self.root, check=False,
                       env=self.scene.environment, capture_output=True)  # fmt: skip


def test_the_commands_of_each_section_are_known_to_this_test(_scene):
    sections = list(dict.fromkeys(section for section, _ in blocks()[0]))
    known = ["Ringroad", "The first five minutes", "A cluster on this machine",
             "Asking and telling", "What a program does", "By hand"]  # fmt: skip
    assert sections == known, sections
    assert [command.split()[0] for command in blocks()[0][0][1]] == list(ELSEWHERE)


def test_a_cluster_is_deployed_asked_and_ended_as_it_is_shown(scene):
    shell = Shell(scene)
    try:
        shell.run("tools/deploy_distributed.sh deploy --cluster-size 3")  # as the quickstart does
        for section, commands in blocks()[0]:
            if section in ("Ringroad", "By hand"):
                continue
            for command in commands:
                if command in ELSEWHERE:
                    continue
                if command == "wait":
                    shell.finish()
                elif command.endswith("&"):
                    shell.run(command)
                elif " send " in command or "status" in command or " --node-id 1 " in command:
                    shell.eventually(command)
                else:
                    shell.run(command)
            shell.finish()
    finally:
        shell.close()


def test_messages_flow_by_hand_as_it_is_shown(scene):
    shell = Shell(scene)
    found, shown = blocks()
    commands = dict(found)["By hand"]
    assert [command.split()[0] for command in commands] == [
        "ringroad-fabric", "ringroad-gen", "ringroad-gen"]  # fmt: skip
    fabric, sink, run = (command.replace("/tmp/", scene.directory + "/").replace(
        "node2.json", scene.path("node2.json")).replace("node1.json", scene.path("node1.json"))
        for command in commands)  # fmt: skip
    swapped = {"1": "2", "2": "1"}
    for name, text in (
        ("node1.json", shown),
        ("node2.json", re.sub(r'("node_id": |10\.77\.0\.|"id": )([12])',
                              lambda m: m[1] + swapped[m[2]], shown)),
    ):  # fmt: skip
        with open(scene.path(name), "w", encoding="utf-8") as file:
            file.write(text.replace("/tmp/", scene.directory + "/"))
    try:
        shell.run(fabric + " &")
        shell.run(sink + " &")
        output = shell.run(run)
        assert "0 lost" in output and "0 corrupt" in output, output
    finally:
        shell.close()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
