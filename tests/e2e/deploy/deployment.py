"""What tests of deployments share: the script, trees of programs to deploy, and a look for
anything left behind."""

import glob
import os
import signal
import stat

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.normpath(os.path.join(HERE, "..", "..", ".."))
SCRIPT = os.path.join(TREE, "tools", "deploy_distributed.sh")
FABRIC = "tools/ringroad-fabric/ringroad-fabric"
DATAPLANE = "dataplane/ringroad-dataplane"
LOG_TOOL = "tools/ringroad-log/ringroad-log"
CONTROL = "control/ringroad-control"

# Stays until it is signalled, known by the path of what it stands in for.
STAY = 'exec -a "$0" tail -f /dev/null\n'
# What the script waits for, and no more: the last words of a start, and every link.
FAKE_FABRIC = "echo 'ready: ports'\n" + STAY
FAKE_LOG_TOOL = 'for folder; do :; done; mkdir -p "$folder"\n'
FAKE_DATAPLANE = (
    "echo 'ready    node'; for n in $(seq 64); do echo \"link     node $n is up\"; done\n" + STAY
)


class Deployment:
    """The script, always with the same tree of programs; ends what it started."""

    def __init__(self, scene, build):
        self.scene = scene
        self.build = build
        self.directory = scene.path("deployment")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Whatever became of the test, what it started ends.
        for pid in running(self.scene):
            os.kill(pid, signal.SIGKILL)

    def start(self, command, *arguments):
        if command == "deploy":
            arguments = ("--build", self.build, *arguments)
        return self.scene.start("deploy", SCRIPT, command, *arguments)

    def run(self, command, *arguments, seconds=60):
        process = self.start(command, *arguments)
        process.code = process.finish(seconds)
        return process

    def succeed(self, command, *arguments):
        process = self.run(command, *arguments)
        assert process.code == 0, f"{command}: {process.code}\n{process.tail()}"
        return process

    def path(self, name):
        return os.path.join(self.directory, name)

    def record(self, name):
        with open(self.path(f"processes/{name}"), encoding="utf-8") as file:
            return [int(word) for word in file.read().split()]

    def pid(self, name):
        return self.record(name)[0]

    def started(self):
        """How many processes are recorded; complete records only."""
        folder = self.path("processes")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sum(not name.endswith(".new") for name in names)

    def assert_nothing_left(self):
        assert not running(self.scene), f"still running: {running(self.scene)}"
        assert not os.path.exists(self.directory), os.listdir(self.directory)
        sockets = glob.glob(self.scene.path("*.sock"))
        assert not sockets, sockets


def running(scene):
    """Processes with the scene's directory in their command line, but for the harness's own."""
    found = []
    own = {process.child.pid for process in scene.processes}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in own or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if scene.directory.encode() in file.read():
                    found.append(int(entry))
        except OSError:
            continue  # it ended meanwhile
    return found


def _write_program(path, body):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/bash\n" + body)
    os.chmod(path, stat.S_IRWXU)


def fake_tree(scene, fabric=FAKE_FABRIC, dataplane=FAKE_DATAPLANE):
    """Programs that start at once and do nothing: for tests of the script's own logic."""
    root = scene.path("build")
    _write_program(os.path.join(root, FABRIC), fabric)
    _write_program(os.path.join(root, DATAPLANE), dataplane)
    _write_program(os.path.join(root, LOG_TOOL), FAKE_LOG_TOOL)
    _link(os.path.join(HERE, "fake_control"), os.path.join(root, CONTROL))
    return root


def real_tree(scene):
    """What was built; a stand-in for the control process only where that was not."""
    if os.path.exists(scene.program(CONTROL)):
        return scene.build
    root = scene.path("build")
    for name in (FABRIC, DATAPLANE, LOG_TOOL):
        _link(scene.program(name), os.path.join(root, name))
    _link(os.path.join(HERE, "fake_control"), os.path.join(root, CONTROL))
    return root


def _link(target, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(os.path.abspath(target), path)
