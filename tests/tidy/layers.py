"""Who may include whom.

Ringroad is built in four layers. Includes go down or sideways as listed, never up:

  pure    dataplane/{base,core,net}, consensus/core, control/core: algorithms that are handed
          packets and the time and hand packets back. Standard library and Abseil only. The same
          objects run on lcores, in the simulator and under fuzzers, which is why no clock, socket,
          thread, log or randomness of their own may creep in.
  hosts   hugepages, drivers, dataplane, consensus: what drives the pure parts on real memory,
          ports and disks. DPDK lives here and nowhere else; memif and the client library stay
          free of it, since programs without an EAL link them.
  slow    control: sockets, TLS and timers; it sees the cores and the host channel, no EAL.
  top     tools, tests, perf: may include anything, and nothing below includes them.

A folder that is not listed takes the rules of its parent.
"""

BASE = ["dataplane/base"]
# Plain data over base and net, read by every host that configures itself.
CONFIG = ["dataplane/config.h"]
# What a program needs that explains configurations, and reports of a node, to people, or itself to
# the service manager.
READING = CONFIG + ["dataplane/config_fault.h", "dataplane/config_json.h",
                    "dataplane/config_names.h", "dataplane/config_schema.h",
                    "dataplane/did_you_mean.h", "dataplane/node_report.h", "dataplane/net",
                    "dataplane/notify.h"]

# Folder: the project paths (prefixes) that its files may include beside their own folder's.
MAY_INCLUDE = {
    "dataplane/base": [],
    "dataplane/kernels": BASE,
    "dataplane/core": BASE,
    "dataplane/net": BASE,
    "hugepages": BASE + CONFIG,
    "drivers": BASE + CONFIG + ["dataplane/net", "hugepages"],
    "drivers/memif": BASE,
    # The channel's serving side hands applications to a node as endpoints.
    "dataplane/host": BASE + CONFIG + ["dataplane/core", "dataplane/kernels", "dataplane/node.h",
                                "dataplane/node_report.h"],
    # It encodes what it asks of the replicated state.
    "dataplane/client": BASE + ["dataplane/core/local_service.h", "dataplane/core/message.h",
                                "dataplane/host", "consensus/machine"],
    # Its main starts the node's consensus.
    "dataplane": ["drivers", "hugepages", "consensus/lcore", "consensus/log"],
    "consensus/core": BASE,
    # The log is written by a thread of its own, beside the lcores.
    "consensus/log": BASE + ["dataplane/kernels", "consensus/core"],
    "consensus/machine": BASE + ["consensus/core/ids.h"],
    "consensus/replica": BASE + ["consensus/core", "consensus/log", "consensus/machine"],
    "consensus": ["dataplane", "drivers", "hugepages"],
    "control/core": BASE,
    "control": BASE + READING + ["dataplane/core", "dataplane/host", "dataplane/clock.h",
                                 "consensus/core"],
    "tools": [""],
    "tests": [""],
    "perf": [""],
}

PURE = ["dataplane/base", "dataplane/core", "dataplane/net", "consensus/core",
        "consensus/machine", "control/core"]

# Kernels are pure but for intrinsics and ISA-L.
WITHOUT_EAL = PURE + ["dataplane/kernels", "dataplane/client", "drivers/memif", "consensus/log",
                      "consensus/replica",
                      "control", "tools/ringroad-fabric", "tools/ringroad-log"]

# Of the standard library and Abseil, what carries time, threads, chance, files or streams.
NOT_PURE = {
    "chrono", "condition_variable", "csignal", "ctime", "filesystem", "fstream", "future",
    "iostream", "mutex", "pthread.h", "random", "semaphore", "shared_mutex", "stop_token",
    "syncstream", "thread",
}
NOT_PURE_PREFIXES = ("absl/time/", "absl/synchronization/", "absl/random/", "absl/log/",
                     "absl/base/log", "spdlog/", "openssl/", "asio", "nlohmann/", "sys/", "net/",
                     "netinet/", "arpa/", "linux/", "rte_")
# Abseil's hash containers iterate in another order every run: a core that used one could depend on
# it without noticing, and a seed would no longer replay a run.
HASH_CONTAINERS = ("absl/container/flat_hash", "absl/container/node_hash")


def folder_of(path, table):
    """The longest entry of `table` that is `path`'s folder or one above it, or None."""
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    while folder:
        if folder in table:
            return folder
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""
    return None


def is_within(path, prefixes):
    return any(path == p or path.startswith(p.rstrip("/") + "/") or p == "" for p in prefixes)


def include_problem(path, included, project_tops):
    """Why `path` may not include `included` (as written), or None."""
    top = included.split("/", 1)[0]
    if "/" in included and top in project_tops:
        folder = folder_of(path, MAY_INCLUDE)
        if folder is None or is_within(included, [folder]):
            # A folder's own files, unless the included one belongs to a folder with its own rules
            # that lies deeper: dataplane may include dataplane/core, as any parent its children.
            return None
        allowed = MAY_INCLUDE[folder]
        if is_within(included, allowed):
            return None
        return f"{folder} may not include {included} (it may: {', '.join(allowed) or 'nothing'})"
    if folder_of(path, PURE) and (
            included in NOT_PURE or included.startswith(NOT_PURE_PREFIXES) or
            included.endswith(".h") and "/" not in included and not included.endswith("intrin.h")):
        return f"<{included}> has no place in a pure folder"
    if folder_of(path, PURE) and included.startswith(HASH_CONTAINERS):
        return f"<{included}>: cores keep to containers whose order is the same every run"
    if included.startswith("rte_") and folder_of(path, WITHOUT_EAL):
        return f"<{included}>: no DPDK in {folder_of(path, WITHOUT_EAL)}"
    return None
