"""Our side of the node-to-node figures: the bundled generator on two nodes, one CPU each.

`p2p` and `round_trip` host a whole node in each generator process (inline, polling, memif directly
between them). `fabric_round_trip` runs what a laptop would: two dataplanes, the fabric and two
applications, all adaptive, sharing two CPUs.
"""
import json
import os
import tempfile

import measure
import others

GENERATOR = "tools/ringroad-gen/ringroad-gen"
# 32 slots of a jumbo buffer each way; what is in flight of them stays within L2.
RING_SLOTS = 32


def program(context, path):
    full = os.path.join(context.build_dir, path)
    if not os.access(full, os.X_OK):
        raise measure.NotMeasured(
            f"not built: {path} (ninja -C {os.path.relpath(context.build_dir)})")
    return full


def write_config(folder, node, peer, port, cpu):
    document = {
        "local_node": {"node_id": node, "bind_address": f"10.77.0.{node}"},
        "cluster_nodes": [
            {"node_id": peer, "endpoints": [{"address": f"10.77.0.{peer}", "port": 8801}]}],
        "security": {"tls": {"enabled": False}},
        "ports": [{"kind": "memif", **port}],
        "cpu": cpu,
        "host": {"socket": f"{folder}/node-{node}.sock"},
    }
    path = f"{folder}/node-{node}.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path


def inline_pair(context, mode, options):
    """Runs `mode` on node 1 against a sink on node 2; the generator's JSON."""
    generator = program(context, GENERATOR)
    with tempfile.TemporaryDirectory(prefix="ringroad-perf-") as folder:
        configs = [
            write_config(folder, node, 3 - node,
                         {"role": role, "socket": f"{folder}/pair.sock", "ring_slots": RING_SLOTS},
                         {"idle": "poll", "io": [context.cpus[node - 1]]})
            for node, role in ((1, "slave"), (2, "master"))]
        sink = [generator, "sink", "--inline", "--config", configs[1], "--quiet"]
        log = f"{folder}/sink.log"
        with others.running(sink, log, folder=folder) as process:
            others.wait_for(lambda: "receives" in others.read(log), "the sink's node", process, log,
                            others.START_SECONDS)
            return measure.run_json(
                [generator, mode, "--inline", "--config", configs[0], "--to", 2, "--quiet",
                 "--json", "--duration", f"{context.seconds}s", "--warmup", "300ms", *options],
                60)


def p2p(context, size, rate="max"):
    return inline_pair(context, "run", ["--size", size, "--rate", rate, "--verify", "stamp"])


def messages(size):
    return lambda context: measure.pick(p2p(context, size), "msgs_per_s")


def payload_bytes(size):
    return lambda context: measure.pick(p2p(context, size), "msgs_per_s") * size


def round_trip(context):
    result = inline_pair(context, "pingpong", ["--size", 64])
    return measure.pick(result["latency_ns"], "p50")


def fabric_round_trip(context):
    generator = program(context, GENERATOR)
    fabric = program(context, "tools/ringroad-fabric/ringroad-fabric")
    dataplane = program(context, "dataplane/ringroad-dataplane")
    with tempfile.TemporaryDirectory(prefix="ringroad-perf-") as folder:
        socket = f"{folder}/fabric.sock"
        configs = [
            write_config(folder, node, 3 - node, {"role": "slave", "socket": socket, "id": node},
                         {"idle": "adaptive"}) for node in (1, 2)]

        def start(name, command, ready):
            log = f"{folder}/{name}.log"
            process = stack.enter_context(others.running(command, log, folder=folder))
            others.wait_for(lambda: ready in others.read(log), name, process, log,
                            others.START_SECONDS)

        with others.contextlib.ExitStack() as stack:
            start("fabric", [fabric, "run", "--ports", "2", "--socket", socket,
                             "--control", f"{folder}/fabric.ctl"], "ready")
            for node, config in enumerate(configs, 1):
                start(f"node-{node}", [dataplane, "--config", config], "ready")
            start("sink", [generator, "sink", "--node", configs[1], "--quiet"], "receives")
            result = measure.run_json(
                [generator, "pingpong", "--node", configs[0], "--to", "2", "--size", "64",
                 "--quiet", "--json", "--duration", f"{context.seconds}s"], 60)
    return measure.pick(result["latency_ns"], "p50")
