"""A cluster that stands still: node 1 of three, one of whose links is down."""


def node_summary(number, **changes):
    summary = {
        "node_id": number, "name": f"node-{number}", "zone": f"az-{number}", "state": "up",
        "role": "-", "messages_sent_per_second": 412_000.0,
        "messages_received_per_second": 401_234.0, "round_trip_p99_seconds": 9.2e-6,
        "links_up": 2, "links_total": 2, "sees": [n for n in (1, 2, 3) if n != number],
        "since_seconds": 725.3, "told_seconds": 0.4,
    }  # fmt: skip
    return dict(summary, **changes)


def link(peer, **changes):
    answer = {
        "peer_id": peer, "name": f"node-{peer}", "address": f"10.77.0.{peer}", "port": 8801,
        "state": "up", "since_seconds": 725.0, "sessions": 1, "frame_bytes_max": 8972,
        "peer_frame_bytes_max": 8972, "round_trip_seconds": 4.1e-6,
        "round_trip_smallest_seconds": 2.9e-6, "round_trip_p50_seconds": 4e-6,
        "round_trip_p99_seconds": 9.2e-6, "messages_sent_per_second": 206_000.0,
        "messages_received_per_second": 200_000.0, "payload_bytes_sent_per_second": 210_944_000.0,
        "payload_bytes_received_per_second": 204_800_000.0, "messages_sent_total": 12_345_678,
        "messages_received_total": 11_111_111, "payload_bytes_sent_total": 12_641_974_272,
        "payload_bytes_received_total": 11_377_777_664, "frames_sent_total": 1_500_000,
        "frames_received_total": 1_400_000, "frames_lost_total": 3,
        "messages_retransmitted_total": 21, "probes_sent_total": 2,
        "outcomes": {"delivered": 12_345_600, "no_receiver": 78}, "refused": {},
        "queues": [{"priority": p, "messages": 17 if p == 4 else 0, "waits_for": "nothing"}
                   for p in range(8)],
        "problems": [],
    }  # fmt: skip
    return dict(answer, **changes)


def port(index, **changes):
    answer = {
        "index": index, "kind": "memif", "up": True, "since_seconds": 726.0,
        "address": "10.77.0.1", "prefix_length": 24, "mtu": 9000, "packets_sent_total": 3_000_000,
        "packets_received_total": 2_900_000, "bytes_sent_total": 25_000_000_000,
        "bytes_received_total": 24_000_000_000, "packets_sent_per_second": 52_000.0,
        "packets_received_per_second": 51_000.0, "bytes_sent_per_second": 430_000_000.0,
        "bytes_received_per_second": 420_000_000.0, "link_changes_total": 1,
        "drops": {"bad_checksum": 2, "no_buffer": 12}, "waits": {"tx_ring_full": 5},
        "problems": [],
    }  # fmt: skip
    return dict(answer, **changes)


def application(number, **changes):
    answer = {
        "application_id": number, "name": f"ringroad-gen-{number}", "process_id": 4000 + number,
        "user_id": 1000, "attached_seconds": 61.0, "bindings": 1, "messages_sent_total": 1000,
        "messages_received_total": 2000, "bytes_sent_total": 1_024_000,
        "bytes_received_total": 2_048_000, "messages_sent_per_second": 100.0,
        "messages_received_per_second": 200.0, "does_read": True, "refused_total": 3,
        "waited_total": 4, "receive_busy_total": 5, "violations_total": 0,
        "outcomes": {"delivered": 1000},
    }  # fmt: skip
    return dict(answer, **changes)


DOWN_LINK = {
    "severity": "wrong", "subject": "link",
    "text": "node 3: link to node 1 is down for 38 s (no frames received; node 2 sees node 3)",
    "node_id": 3, "peer_id": 1,
    "next": ["ringroad link show 1-3", "ringroad doctor --node 3"],
    "mend": "tools/deploy_distributed.sh restart fabric",
}  # fmt: skip

HEALTHY_CLUSTER = {
    "schema_version": 1, "cluster": "demo", "plain": True, "leader": None, "seen_by": 1,
    "nodes": [node_summary(1), node_summary(2), node_summary(3)], "problems": [],
}  # fmt: skip

CLUSTER = dict(
    HEALTHY_CLUSTER,
    nodes=[
        node_summary(1, links_up=1, sees=[2], state="degraded"),
        node_summary(2),
        node_summary(3, links_up=1, sees=[2], state="degraded", messages_sent_per_second=0.0,
                     messages_received_per_second=12_000.0, round_trip_p99_seconds=None,
                     since_seconds=38.0),
    ],
    problems=[DOWN_LINK],
)  # fmt: skip

NODE = {
    "schema_version": 1, "node_id": 1, "name": "node-1", "zone": "az-1", "cluster": "demo",
    "address": "10.77.0.1", "port": 8801, "state": "up", "version": "0.1.0", "plain": True,
    "dataplane": {"attached": True, "moves": True, "process_id": 101, "uptime_seconds": 726.0,
                  "away_seconds": None, "reason": "", "mend": ""},
    "control": {"process_id": 102, "uptime_seconds": 720.0, "socket": "/run/node-1-control.sock"},
    "host_socket": "/run/ringroad/node-1.sock", "metrics_listen": "127.0.0.1:9090",
    "config_file": "/etc/ringroad/node-1.json", "config_version": 1,
    "config_gaps": ["/limits/held_frames changes only at a restart of ringroad-dataplane"],
    "idle": "adaptive", "links_up": 2, "links_total": 2, "applications": 1, "buffers_total": 16_384,
    "buffers_free": 15_000,
    "loops": [{"name": "io 0", "busy_share": 0.62, "asleep_share": 0.05,
               "passes_per_second": 1_200_000.0, "sleeps_total": 1234}],
    "messages_delivered_total": 11_111_111, "messages_local_total": 5,
    "drops": {"bad_crc": 1, "no_buffer": 12}, "problems": [],
}  # fmt: skip

STILL = {
    "severity": "wrong", "subject": "node", "text": "node 1: its dataplane has not moved for 38 s: "
    "it is stopped, or stuck", "node_id": 1, "peer_id": None,
    "next": ["ringroad node show --node 1", "ringroad doctor --node 1"],
    "mend": "tools/deploy_distributed.sh restart 1 dataplane",
}  # fmt: skip

STILL_NODE = dict(
    NODE, state="down", applications=None, buffers_total=None, buffers_free=None, loops=[],
    links_up=0, messages_delivered_total=None, messages_local_total=None, drops=None,
    problems=[STILL], config_gaps=[],
    dataplane=dict(NODE["dataplane"], moves=False, mend=STILL["mend"],
                   reason="has not moved for 38 s: it is stopped, or stuck"),
)  # fmt: skip

STILL_LINKS = {"schema_version": 1, "node_id": 1, "links": [], "problems": [STILL]}

_PORT_FIGURES = [key for key in port(0) if key.endswith(("_total", "_per_second"))]
STILL_PORTS = {
    "schema_version": 1,
    "ports": [port(0, up=False, drops=None, waits=None, problems=[STILL],
                   **dict.fromkeys(_PORT_FIGURES))],
}  # fmt: skip

_PROGRAM_RATES = ("messages_sent_per_second", "messages_received_per_second", "does_read")
STILL_PROGRAMS = {
    "schema_version": 1, "node_id": 1, "problems": [STILL],
    "applications": [dict(application(1), **dict.fromkeys(_PROGRAM_RATES))],
}  # fmt: skip

UNREAD = {
    "severity": "warning", "subject": "program", "text": "node 1: messages wait for ringroad-gen-2 "
    "(process 4002), which does not read: continue or restart it", "node_id": 1, "peer_id": None,
    "next": ["ringroad app show --node 1"], "mend": "",
}  # fmt: skip

MEMBERS = {
    "schema_version": 1, "cluster": "demo",
    "members": [{"node_id": n, "name": f"node-{n}", "zone": f"az-{n}", "address": f"10.77.0.{n}",
                 "port": 8801, "is_self": n == 1} for n in (1, 2, 3)],
}  # fmt: skip

CHANGES = [
    {"pointer": "/control/log_level", "from": "info", "to": "debug", "effect": "now",
     "restart": ""},
    {"pointer": "/limits/window_bytes", "from": 1_048_576, "to": 2_097_152, "effect": "restart",
     "restart": "dataplane"},
]  # fmt: skip

LINKS = [link(2), link(3, state="connecting", since_seconds=38.0, round_trip_seconds=None,
                       round_trip_smallest_seconds=None, round_trip_p50_seconds=None,
                       round_trip_p99_seconds=None, frame_bytes_max=None,
                       peer_frame_bytes_max=None, messages_sent_per_second=0.0,
                       messages_received_per_second=0.0, payload_bytes_sent_per_second=0.0,
                       payload_bytes_received_per_second=0.0, problems=[DOWN_LINK])]  # fmt: skip


def links_of(params, refusal):
    wanted = params.get("peer_id")
    chosen = [one for one in LINKS if wanted in (None, one["peer_id"])]
    if not chosen:
        raise refusal("not_found", f"node {wanted} is no peer of node 1 (peers: 2, 3)")
    return {"schema_version": 1, "node_id": 1, "links": chosen, "problems": []}
