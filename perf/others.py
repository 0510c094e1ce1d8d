"""Baselines that are other people's programs: DPDK's testpmd and sockperf.

Each runs in a temporary folder with a runtime directory of its own, on the CPUs it is given, and is
ended before the function returns, whatever happens. Their output is parsed by functions of its own
so that a change of format is found by a test, not by a strange figure.
"""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from measure import NotMeasured

START_SECONDS = 20  # until a program must have come up


def parse_rates(text, key):
    """What testpmd printed for "Rx-pps" or "Tx-pps", one value a period."""
    return [int(value) for value in re.findall(key + r":\s+(\d+)", text)]


def steady(rates):
    """The rates of whole periods: after the first that carried packets."""
    first = next((index for index, rate in enumerate(rates) if rate > 0), len(rates))
    return [rate for rate in rates[first + 1:] if rate > 0]


def parse_percentile(text, percent):
    """sockperf's "percentile 50.000 = 12.345" in nanoseconds."""
    for found, value in re.findall(r"percentile\s+([\d.]+)\s*=\s*([\d.]+)", text):
        if abs(float(found) - percent) < 1e-6:
            return float(value) * 1000
    raise NotMeasured(f"sockperf named no percentile {percent}: {text[-200:]!r}")


@contextlib.contextmanager
def running(command, log, cpu=None, folder=None):
    """A process in a group of its own that does not outlive the block."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    if not shutil.which(command[0]):
        raise NotMeasured(f"{command[0]} is not installed (tools/setup --tests)")
    environment = dict(os.environ)
    if folder:
        environment["XDG_RUNTIME_DIR"] = folder
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
            env=environment, start_new_session=True, preexec_fn=prepare)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):  # and whatever it left of its group
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def wait_for(condition, what, process, log, seconds):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if process.poll() is not None:
            raise NotMeasured(f"{what}: ended with {process.returncode}: {read(log)[-300:]!r}")
        if time.monotonic() > deadline:
            raise NotMeasured(f"{what}: nothing within {seconds} s")
        time.sleep(0.05)
    return result


def testpmd_command(cpu, folder, prefix, vdev, *options):
    # Its main lcore only prints; it shares the forwarding lcore's CPU. Every packet fits one of
    # 8,192 buffers; hugepages are used when some are free, as by our own side.
    memory = [] if free_hugepages_mb() >= 256 else ["--no-huge"]
    return ["dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", "-m", "256", *memory, "--no-pci",
            "--no-telemetry", f"--file-prefix={prefix}-{os.path.basename(folder)}",
            f"--vdev={vdev}", "--", "-a", "--stats-period=1", "--total-num-mbufs=8192", *options]


def free_hugepages_mb():
    fields = dict(re.findall(r"^(HugePages_Free|Hugepagesize):\s+(\d+)", read("/proc/meminfo"),
                             re.M))
    return int(fields.get("HugePages_Free", 0)) * int(fields.get("Hugepagesize", 0)) // 1024


def memif_frames(context):
    """Frames a second that testpmd receives from another testpmd over net_memif, 64 B each."""
    with tempfile.TemporaryDirectory(prefix="ringroad-perf-") as folder:
        end = f"socket={folder}/memif.sock,socket-abstract=no"
        rx_log, tx_log = f"{folder}/rx.log", f"{folder}/tx.log"
        receiver = testpmd_command(context.cpus[0], folder, "rx", f"net_memif0,role=server,{end}",
                                   "--forward-mode=rxonly")
        sender = testpmd_command(context.cpus[1], folder, "tx", f"net_memif0,role=client,{end}",
                                 "--forward-mode=txonly", "--txpkts=64")
        with running(receiver, rx_log, folder=folder) as rx_process:
            wait_for(lambda: os.path.exists(f"{folder}/memif.sock"), "testpmd's memif server",
                     rx_process, rx_log, START_SECONDS)
            with running(sender, tx_log, folder=folder):
                rates = wait_for(lambda: steady(parse_rates(read(rx_log), "Rx-pps")),
                                 "testpmd over memif", rx_process, rx_log, START_SECONDS)
    return float(rates[-1])


def null_frames(context):
    """Frames a second that testpmd sends to a null port, 64 B each."""
    with tempfile.TemporaryDirectory(prefix="ringroad-perf-") as folder:
        log = f"{folder}/tx.log"
        command = testpmd_command(context.cpus[0], folder, "null", "net_null0,size=64",
                                  "--forward-mode=txonly", "--txpkts=64")
        with running(command, log, folder=folder) as process:
            rates = wait_for(lambda: steady(parse_rates(read(log), "Tx-pps")), "testpmd on null",
                             process, log, START_SECONDS)
    return float(rates[-1])


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_bound(port):
    return re.search(rf":{port:04X} ", read("/proc/net/udp")) is not None


def kernel_udp_round_trip(busy):
    """p50 of a full round trip over loopback, in ns; `busy`: both ends poll instead of blocking."""
    def sample(context):
        with tempfile.TemporaryDirectory(prefix="ringroad-perf-") as folder:
            port = free_udp_port()
            # Without --nonblocked both ends sleep in recvfrom.
            mode = ["--nonblocked"] if busy else []
            address = ["-i", "127.0.0.1", "-p", str(port)]
            server_log, client_log = f"{folder}/server.log", f"{folder}/client.log"
            seconds = max(1, round(context.seconds))
            with running(["sockperf", "server", *address, *mode], server_log,
                         cpu=context.cpus[0]) as server:
                wait_for(lambda: is_bound(port), "sockperf's server", server, server_log, 10)
                client = ["sockperf", "ping-pong", *address, *mode, "-m", "64", "-t", str(seconds),
                          "--full-rtt"]
                with running(client, client_log, cpu=context.cpus[1]) as process:
                    try:
                        process.wait(seconds + 15)
                    except subprocess.TimeoutExpired:
                        raise NotMeasured("sockperf did not end") from None
                return parse_percentile(read(client_log), 50)
    return sample
