"""The figures, one row each: what runs, what it is compared with, and what the ratio should reach.

Conditions common to all: generators inline in the node's io loop, memif between two processes with
nothing in between, one CPU a side, bytes in flight within the L2 cache, stamps verified. A row that
differs says so in its medium.
"""
import statistics

import measure
import node_pair
import others
from measure import Figure, program


def seconds(context):
    return context.seconds


def cpu(index):
    return lambda context: context.cpus[index]


SECONDS = ("--seconds", seconds)
PAIR_CPUS = ("--cpu-a", cpu(0), "--cpu-b", cpu(1))
MEMIF = "memif, shared memory, jumbo frames; one CPU a node"
ONE_CPU = "one CPU, no port"

HEADLINE_OFFERED = 4.2e6
HEADLINE_SHARE = 0.7
ORIGINAL_P99_NS, ORIGINAL_P95_NS = 250_000.0, 150_000.0


def bounce(scale):
    """Round trip of a cache line between two threads, p50 times `scale`, in ns."""
    return program("bounce", *PAIR_CPUS, *SECONDS, keys=["p50_ns"], scale=scale)


def headline(context):
    """p99 in ns at 4.2 M/s, or at 70 % of what the medium was just found to carry."""
    if "headline" not in context.memory:
        # The middle of three, as of any figure: offered too much, all that is measured is a queue.
        capacity = statistics.median(
            measure.pick(node_pair.p2p(context, 1024), "msgs_per_s") for _ in range(3))
        context.memory["headline"] = min(HEADLINE_OFFERED, HEADLINE_SHARE * capacity)
    offered = context.memory["headline"]
    result = node_pair.p2p(context, 1024, round(offered))
    latency = result["latency_ns"]
    context.notes["headline.memif.1024B"] = (
        f"{offered / 1e6:.2f} M/s offered, {measure.pick(result, 'msgs_per_s') / 1e6:.2f} M/s "
        f"received; p95 {latency['p95'] / 1000:.1f} us "
        f"(the original: {ORIGINAL_P95_NS / 1000:.0f})")
    return measure.pick(latency, "p99")


def frame_build(size, frame_bytes, to_reach):
    options = ("--size", size, "--frame-bytes", frame_bytes, *SECONDS)
    return Figure(
        name=f"frame.build.{size}B", unit="cycles/message", higher_is_better=False,
        ours=program("frame_build", *options, keys=["value"]),
        baseline=program("frame_baseline", *options, "--cpu", cpu(0), keys=["value"]),
        baseline_name="memcpy and ISA-L CRC of the same bytes", medium=ONE_CPU,
        limit="memory and CRC: {baseline}", to_reach=to_reach)


def p2p_bytes(size):
    options = ("--size", size, *PAIR_CPUS, *SECONDS)
    return Figure(
        name=f"p2p.memif.{size}B", unit="bytes/s",
        ours=node_pair.payload_bytes(size),
        baseline=program("memif_bare", *options, keys=["value"]),
        baseline_name="a bare program over the same port, same copies and CRC", medium=MEMIF,
        limit="this port without a protocol: {baseline}", to_reach=0.8)


def api(size):
    return Figure(
        name=f"api.{size}B", unit="messages/s",
        ours=program("api_loop", "--size", size, *SECONDS, "--io-cpu", cpu(0),
                     "--application-cpu", cpu(1), keys=["value"]),
        baseline=program("rte_ring_pair", "--copies", "--size", size, *PAIR_CPUS, *SECONDS,
                         keys=["value"]),
        baseline_name="rte_ring between two processes, same copies",
        medium="shared memory, application to io lcore and back",
        limit="a ring between two processes: {baseline}", to_reach=0.5,
        note="a message counts once for each way")


def local_rate(size):
    return Figure(
        name=f"local.{size}B.rate", unit="messages/s",
        ours=program("local_pair", "rate", "--size", size, *SECONDS, "--cpu-sender", cpu(0),
                     "--cpu-receiver", cpu(1), keys=["value"]),
        baseline=program("rte_ring_pair", "--touch", "--size", size, *PAIR_CPUS, *SECONDS,
                         keys=["value"]),
        baseline_name="rte_ring between two processes, same bytes touched",
        medium="shared memory, two applications, by reference; payload written and read",
        limit="a ring between two processes: {baseline}", to_reach=0.6)


def pingpong(name, ours, medium, baseline, baseline_name, to_reach):
    return Figure(
        name=name, unit="ns", higher_is_better=False,
        ours=ours,
        baseline=baseline, baseline_name=baseline_name, medium=medium,
        limit="baseline: {baseline}", to_reach=to_reach)


def raft_step(nodes, scale=1.0):
    return program("raft_step", "--nodes", nodes, "--size", 256, "--batch", 256, *SECONDS,
                   keys=["value"], scale=scale)


FIGURES = [
    frame_build(64, 8192, 0),
    frame_build(1024, 8192, 0.67),
    frame_build(16384, 32768, 0.67),
    Figure(
        name="p2p.memif.64B", unit="messages/s",
        ours=node_pair.messages(64),
        baseline=others.memif_frames, baseline_name="testpmd over its own memif, 64 B frames",
        medium=MEMIF, limit="frames, one message each: {baseline}", to_reach=1.5),
    p2p_bytes(1024), p2p_bytes(4096), p2p_bytes(16384), p2p_bytes(65536),
    api(64), api(1024),
    Figure(
        name="headline.memif.1024B", unit="ns", higher_is_better=False, ours=headline,
        baseline=lambda context: ORIGINAL_P99_NS, baseline_name="the original's p99 of 250 us",
        medium=MEMIF, limit="offered: 4.2 M/s or 70 % of p2p.memif.1024B", to_reach=1.0),
    pingpong("pingpong.memif.64B", node_pair.round_trip, "memif, both ends polling", bounce(1.0),
             "two threads bounce a cache line there and back", 0.083),
    pingpong("pingpong.memif.64B.kernel", node_pair.round_trip, "memif, both ends polling",
             others.kernel_udp_round_trip(busy=True),
             "kernel UDP over loopback, both ends busy polling", 5),
    pingpong("pingpong.fabric.64B", node_pair.fabric_round_trip,
             "two applications, two nodes and the fabric, all adaptive on two CPUs",
             others.kernel_udp_round_trip(busy=False), "blocking kernel UDP over loopback", 1.0),
    Figure(
        name="local.1024B.latency", unit="ns", higher_is_better=False,
        ours=program("local_pair", "latency", "--size", 1024, *SECONDS, "--cpu-sender", cpu(0),
                     "--cpu-receiver", cpu(1), keys=["p99_ns"]),
        baseline=bounce(0.5), baseline_name="half of a cache line's bounce (p50)",
        medium="shared memory, two applications, by reference; payload untouched",
        limit="one crossing of a cache line: {baseline}", to_reach=0.4,
        note="one way, p99; the original says 180 ns"),
    local_rate(64), local_rate(1024), local_rate(65536),
    Figure(
        name="null.tx.64B", unit="frames/s",
        ours=program("null_tx", "--size", 64, "--cpu", cpu(0), *SECONDS, keys=["value"]),
        baseline=others.null_frames, baseline_name="testpmd txonly on null",
        medium="DPDK's null port, one CPU", limit="frames never built: {baseline}", to_reach=0.4),
    Figure(
        name="raft.step", unit="entries/s", ours=raft_step(3),
        baseline=program("entry_copies", "--size", 256, "--batch", 256, "--cpu", cpu(0), *SECONDS,
                         keys=["value"]),
        baseline_name="memcpy of each entry three times",
        medium="one thread, cores only: no network, no disk; 3 nodes, 256 B, batches of 256",
        limit="three copies of each entry: {baseline}", to_reach=0.1),
    Figure(
        name="raft.step.64nodes", unit="entries/s", ours=raft_step(64),
        baseline=raft_step(3, 3 / 64), baseline_name="raft.step scaled by 3/64",
        medium="one thread, cores only: no network, no disk; 64 nodes, 256 B, batches of 256",
        limit="the same work for each node as with three: {baseline}", to_reach=0.7),
    Figure(
        name="log.append", unit="bytes/s",
        ours=program("log_append", "--size", 4096, "--batch", 16, *SECONDS, keys=["value"]),
        baseline=program("write_flush", "--bytes", 65536, *SECONDS, keys=["value"]),
        baseline_name="pwrite and fdatasync of the same pattern",
        medium="the disk of the temporary folder (TMPDIR); batches of 64 KB, a flush each",
        limit="the disk, one flush at a time: {baseline}", to_reach=0.9),
]
