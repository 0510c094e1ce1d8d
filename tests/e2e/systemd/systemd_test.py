#!/usr/bin/env python3
"""The systemd units, checked by systemd-analyze against the programs that were built, and a
dataplane under a manager of our own: what it tells, and that it is pinged for only while its loop
turns."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402  pylint: disable=wrong-import-position
from harness import Skip, wait  # noqa: E402  pylint: disable=wrong-import-position

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tools",
                      "systemd")  # fmt: skip
PROGRAMS = {"dataplane": "dataplane/ringroad-dataplane", "control": "control/ringroad-control"}
# Tenths. What is left over is mostly what a network service cannot do without.
EXPOSURE_MAX = {"dataplane": 30, "control": 20}


# ---- the units ----


def analyze(*words):
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip


def unit_text(scene, name):
    with open(scene.program(f"tools/systemd/ringroad-{name}@.service"), encoding="utf-8") as file:
        return file.read()


def write_units(scene):
    """The built units as instance 1, each program's path replaced by that of this build."""
    for name in PROGRAMS:
        text = unit_text(scene, name)
        for program, path in PROGRAMS.items():
            text = re.sub(rf"(?m)^(Exec\w+=)\S*/ringroad-{program}\b",
                          lambda m, path=path: m.group(1) + os.path.abspath(scene.program(path)),
                          text)  # fmt: skip
        with open(scene.path(f"ringroad-{name}@1.service"), "w", encoding="utf-8") as file:
            file.write(text)
    shutil.copy(os.path.join(SOURCE, "ringroad.target"), scene.path("ringroad.target"))


def settings(text):
    """Every assignment of a unit, as {key: [values]}."""
    found = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def verify(scene, name):
    write_units(scene)
    if not os.path.exists(scene.program(PROGRAMS[name])):
        raise Skip(f"ringroad-{name} is not built here")
    result = analyze("verify", "--man=no", scene.path(f"ringroad-{name}@1.service"),
                     scene.path("ringroad.target"))  # fmt: skip
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr


def test_the_dataplane_unit_is_verified(scene):
    verify(scene, "dataplane")


def test_the_control_unit_is_verified(scene):
    verify(scene, "control")


def test_a_unit_with_a_fault_is_not_verified(scene):
    write_units(scene)
    path = scene.path("ringroad-dataplane@1.service")
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n[Service]\nExecStart=/nowhere/ringroad-dataplane\nWatchdogSec=often\n")
    result = analyze("verify", "--man=no", path)
    assert result.returncode != 0 and "Failed to parse sec value" in result.stderr, result.stderr


def test_the_units_are_confined(scene):
    write_units(scene)
    for name, most in EXPOSURE_MAX.items():
        result = analyze("security", "--no-pager", "--offline=true", f"--threshold={most}",
                         scene.path(f"ringroad-{name}@1.service"))  # fmt: skip
        if "unrecognized option" in result.stderr:
            raise Skip("this systemd-analyze cannot look at a file's security")
        assert result.returncode == 0, f"{name}:\n{result.stdout[-3000:]}{result.stderr}"


def test_each_process_may_be_restarted_alone(scene):
    units = {name: settings(unit_text(scene, name)) for name in PROGRAMS}
    for name, unit in units.items():
        for binding in ("Requires", "BindsTo", "Requisite", "PropagatesStopTo", "Conflicts"):
            assert binding not in unit, f"{name}: {binding}"
        assert unit["PartOf"] == ["ringroad.target"], name
        assert unit["Restart"] == ["on-failure"] and unit["Type"] == ["notify"], name
        assert "WatchdogSec" in unit, name
        # The folder of the sockets outlives each of them.
        assert unit["RuntimeDirectory"] == ["ringroad"], name
        assert unit["RuntimeDirectoryPreserve"] == ["yes"], name
    assert units["control"]["Wants"] == ["ringroad-dataplane@%i.service"]
    assert "ringroad-dataplane@%i.service" in units["control"]["After"][0].split()
    assert units["dataplane"]["LimitMEMLOCK"] == ["infinity"]


def test_the_checked_configuration_is_the_one_that_runs(scene):
    for name in PROGRAMS:
        unit = settings(unit_text(scene, name))
        (check,), (start,) = unit["ExecStartPre"], unit["ExecStart"]
        assert check.endswith(" --config /etc/ringroad/node-%i.json --check"), check
        assert start.endswith(f"/ringroad-{name} --config /etc/ringroad/node-%i.json"), start


def test_the_user_and_the_folders_are_made(scene):
    if not shutil.which("systemd-sysusers") or not shutil.which("systemd-tmpfiles"):
        raise Skip("systemd-sysusers or systemd-tmpfiles is not installed")
    root = scene.path("root")
    for folder in ("etc", "run", "usr/lib/sysusers.d", "usr/lib/tmpfiles.d"):
        os.makedirs(os.path.join(root, folder))
    for kind in ("sysusers", "tmpfiles"):
        shutil.copy(os.path.join(SOURCE, f"ringroad.{kind}.conf"),
                    os.path.join(root, f"usr/lib/{kind}.d/ringroad.conf"))  # fmt: skip
    if os.geteuid() != 0:
        raise Skip("making a user takes root, even under another one's root")
    for program in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        result = subprocess.run([*program, f"--root={root}"], capture_output=True, text=True,
                                timeout=60, check=False)  # fmt: skip
        assert result.returncode == 0, result.stderr
    with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
        entry = next(line.split(":") for line in file if line.startswith("ringroad:"))
    for folder, mode in (("etc/ringroad", 0o750), ("run/ringroad", 0o755)):
        status = os.stat(os.path.join(root, folder))
        assert (status.st_mode & 0o777, str(status.st_uid)) == (mode, entry[2]), folder


def expand(group):
    """The system calls of one of systemd's groups."""
    calls = set()
    for line in analyze("syscall-filter", group).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= expand(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def is_sanitized(program):
    with open(program, "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


def test_the_dataplane_makes_no_call_its_unit_forbids(scene):
    if is_sanitized(scene.program(PROGRAMS["dataplane"])):
        raise Skip("a sanitizer makes calls of its own")
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    filters = settings(unit_text(scene, "dataplane"))["SystemCallFilter"]
    assert filters == ["@system-service"], filters
    trace = scene.path("trace")
    config = scene.config(1, [2], ports=[
        {"kind": "memif", "role": "master", "socket": scene.path("pair.sock")}])  # fmt: skip
    process = scene.dataplane(config, prefix=("strace", "-f", "-o", trace))
    with open(f"/proc/{process.child.pid}/task/{process.child.pid}/children",
              encoding="utf-8") as file:  # fmt: skip
        os.kill(int(file.read().split()[0]), signal.SIGTERM)
    process.finish(20)
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = file.read()
    made = set(re.findall(r"(?m)^\d+ +(\w+)\(", lines))
    assert "epoll_wait" in made or "epoll_pwait" in made, sorted(made)
    # iopl: a driver of DPDK's asks for the ports of the CPU as it is loaded, and does without.
    assert made - expand("@system-service") - expand("@default") <= {"iopl"}, sorted(made)
    # MemoryDenyWriteExecute: no memory is both.
    both = [line for line in lines.splitlines() if "PROT_WRITE|PROT_EXEC" in line]
    assert not both, both


def confined(unit):
    """What runs a program as nobody, with the unit's capabilities and no others."""
    words = unit["AmbientCapabilities"][0].lower().split()
    names = [word.removeprefix("cap_") for word in words]
    added = ",".join("+" + name for name in names)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
            f"--bounding-set=-all,{added}", f"--inh-caps=-all,{added}",
            f"--ambient-caps=-all,{added}"]  # fmt: skip


def test_the_units_capabilities_suffice_for_ports_of_the_kernel(scene):
    unit = settings(unit_text(scene, "dataplane"))
    assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"]
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("making a network namespace takes root")
    prefix = confined(unit)
    program = os.path.abspath(scene.program(PROGRAMS["dataplane"]))
    if subprocess.run([*prefix, "test", "-x", program], check=False).returncode != 0:
        raise Skip("other users cannot reach this build")
    os.chown(scene.directory, 65534, 65534)
    space = f"ringroad-units-{os.getpid()}"
    inside = ["ip", "netns", "exec", space]
    subprocess.run(["ip", "netns", "add", space], check=True)
    try:
        subprocess.run([*inside, "ip", "link", "add", "rr0", "type", "veth", "peer", "name", "rr1"],
                       check=True)  # fmt: skip
        for device in ("rr0", "rr1"):
            subprocess.run([*inside, "ip", "link", "set", device, "up"], check=True)
        ports = [{"kind": "af_packet", "interface": "rr0"}]
        if os.access("/dev/net/tun", os.R_OK | os.W_OK):
            ports.append({"kind": "tap", "interface": "rr2"})
        for node, port in enumerate(ports, 1):
            config = scene.config(node, [node + 2], ports=[port])
            os.chmod(config, 0o644)
            process = scene.dataplane(config, prefix=(*inside, *prefix))
            process.kill(signal.SIGTERM)
            assert process.finish(20) == 0, process.tail()
    finally:
        scene.close()
        subprocess.run(["ip", "netns", "del", space], check=False)


# ---- the dataplane under a manager ----


class Manager:
    """The end of NOTIFY_SOCKET that systemd has; keeps what it is told."""

    def __init__(self, scene, watchdog_seconds):
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(scene.path("notify"))
        scene.environment["NOTIFY_SOCKET"] = scene.path("notify")
        scene.environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            self.messages.append(self.socket.recv(4096).decode())

    def count(self, assignment):
        return sum(assignment in message.split("\n") for message in list(self.messages))

    def wait_for(self, assignment, count=1, process=None, seconds=20):
        wait(lambda: self.count(assignment) >= count, seconds, f"{count} of {assignment}: "
             f"{self.messages[-5:]}", process)  # fmt: skip


def test_a_dataplane_says_when_it_is_ready_how_it_is_and_that_it_stops(scene):
    manager = Manager(scene, 2)
    pair = scene.path("pair.sock")
    configs = [
        scene.config(node, [3 - node],
                     ports=[{"kind": "memif", "role": role, "socket": pair}])  # fmt: skip
        for node, role in ((1, "master"), (2, "slave"))
    ]
    node = scene.dataplane(configs[0])
    manager.wait_for("READY=1", process=node)
    assert "READY=1" in manager.messages[0] and "node 1 (" in manager.messages[0], manager.messages
    manager.wait_for("STATUS=node 1 (ringroad): 0 of 1 links up, its port is down", process=node)
    manager.wait_for("WATCHDOG=1", 2, node)
    for key in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        del scene.environment[key]
    other = scene.dataplane(configs[1])
    manager.wait_for("STATUS=node 1 (ringroad): 1 of 1 links up", process=other)
    node.kill(signal.SIGTERM)
    assert node.finish(10) == 0, node.tail()
    manager.wait_for("STOPPING=1")
    assert manager.count("READY=1") == 1 and "STOPPING=1" in manager.messages[-1], manager.messages


def test_a_failed_start_is_never_said_to_be_ready(scene):
    manager = Manager(scene, 2)
    config = scene.config(1, [2], ports=[{"kind": "af_packet", "interface": "none-such0"}])
    process = scene.run(scene.program("dataplane/ringroad-dataplane"), "--config", config)
    assert process.code == 1, process.tail()
    assert not manager.messages, manager.messages


def ptrace(request, thread):
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long] * 4
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, thread, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


class FrozenThread:
    """One thread of a process stands still within the block; the others go on."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    ALL = 0x40000000  # __WALL

    def __init__(self, thread):
        self.thread = thread

    def __enter__(self):
        try:
            ptrace(self.SEIZE, self.thread)
        except OSError as error:
            raise Skip(f"threads cannot be traced here ({os.strerror(error.errno)})") from None
        ptrace(self.INTERRUPT, self.thread)
        os.waitpid(self.thread, self.ALL)
        return self

    def __exit__(self, *_):
        ptrace(self.DETACH, self.thread)


def test_a_loop_that_stands_still_is_not_pinged_for(scene):
    manager = Manager(scene, 1)
    node = scene.dataplane(scene.config(1, [2], ports=[{"kind": "ring"}]))
    manager.wait_for("WATCHDOG=1", 2, node)
    with FrozenThread(node.child.pid):  # EAL's main lcore, which runs the io loop
        # One ping may have been on its way; another one must not come for three times as long as
        # the manager has patience.
        frozen = manager.count("WATCHDOG=1") + 1
        pinged = lambda: manager.count("WATCHDOG=1") > frozen  # noqa: E731
        try:
            wait(pinged, 3, "a ping that must not come")
        except AssertionError:
            pass
        assert not pinged(), manager.messages
    manager.wait_for("WATCHDOG=1", frozen + 2, node)
    node.kill(signal.SIGTERM)
    assert node.finish(10) == 0, node.tail()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
