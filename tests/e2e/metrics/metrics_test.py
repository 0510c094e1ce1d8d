#!/usr/bin/env python3
"""The metrics server as its clients meet it: promtool's and Prometheus' own judgement of what it
says, its paths and methods, and clients that are wrong, slow, or many."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]
import harness  # noqa: E402  pylint: disable=wrong-import-position
import http_client  # noqa: E402  pylint: disable=wrong-import-position
from harness import Skip, wait  # noqa: E402  pylint: disable=wrong-import-position
from http_client import ask, fetch  # noqa: E402  pylint: disable=wrong-import-position

# How long a client that behaves may have to wait for two that do not: see MetricsServer.
SECONDS_HELD_MAX = 6


def metrics_node(scene, *options):
    """A program that serves hand-filled figures of node 1; returns it and where it listens."""
    node = scene.start("metrics-node", program(scene), "127.0.0.1:0", *options)
    node.wait_for("listens at")
    host, port = node.out[0].split()[-1].rsplit(":", 1)
    return node, (host, int(port))


def program(scene):
    return scene.program("tests/e2e/metrics/metrics-node")


def installed(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# ---- what Prometheus thinks of it ----


def test_promtool_has_nothing_to_say_of_the_exposition(scene):
    promtool = installed("promtool")
    for options in ([], ["full"]):
        text = subprocess.run([program(scene), "print", *options], stdout=subprocess.PIPE,
                              check=True, timeout=30).stdout  # fmt: skip
        assert text.count(b"\n") > 200, text
        check = subprocess.run([promtool, "check", "metrics"], input=text, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False, timeout=30)  # fmt: skip
        assert (check.returncode, check.stdout) == (0, b""), check


def test_a_prometheus_scrapes_the_figures_and_answers_queries_about_them(scene):
    prometheus, (_, place) = installed("prometheus"), metrics_node(scene)
    with open(scene.path("prometheus.yml"), "w", encoding="utf-8") as file:
        json.dump({"global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
                   "scrape_configs": [{"job_name": "ringroad", "static_configs": [
                       {"targets": [f"{place[0]}:{place[1]}"]}]}]}, file)  # fmt: skip
    port = free_port()
    server = scene.start(
        "prometheus", prometheus, f"--config.file={scene.path('prometheus.yml')}",
        f"--storage.tsdb.path={scene.path('tsdb')}", f"--web.listen-address=127.0.0.1:{port}",
    )  # fmt: skip

    def query(expression):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})  # fmt: skip
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return [float(row["value"][1]) for row in json.load(response)["data"]["result"]]
        except OSError:
            return []

    sent = lambda: query('dist_messages_total{node="1",type="sent"}') == [1006]  # noqa: E731
    wait(sent, 60, "the figure to be scraped", server)
    assert query('up{job="ringroad"}') == [1], query("up")
    assert query('dist_link_round_trip_seconds_bucket{le="2.55e-07",peer="2"}') == [1]
    longest = query('histogram_quantile(1, dist_link_round_trip_seconds_bucket{peer="2"})')
    assert longest == [1.6383e-5], longest
    lines = fetch(place, "/metrics").body.decode().splitlines()
    told = sum(not line.startswith("#") for line in lines)
    assert query("scrape_samples_scraped") == [told], (query("scrape_samples_scraped"), told)


def test_the_alerts_on_the_page_are_queries_about_figures_that_are_told(scene):
    promtool = installed("promtool")
    page = os.path.join(HERE, "..", "..", "..", "control", "metrics", "README.md")
    with open(page, encoding="utf-8") as file:
        alerts = re.findall(r"^\| `([^`]+)`", file.read().split("## What to alert on")[1], re.M)
    assert len(alerts) > 10, alerts
    rules = [{"alert": f"Alert{number}", "expr": alert} for number, alert in enumerate(alerts)]
    with open(scene.path("rules.yml"), "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "page", "rules": rules}]}, file)
    check = scene.run(promtool, "check", "rules", scene.path("rules.yml"))
    assert check.code == 0, check.tail()
    text = "\n".join(scene.run(program(scene), "print").out)
    for name in re.findall(r"dist_\w+", " ".join(alerts)):
        assert f"\n{name}{{" in text, name


# ---- paths and methods ----


def test_each_path_answers_what_it_is_for(scene):
    node, place = metrics_node(scene)
    figures = fetch(place, "/metrics")
    assert figures.status == 200
    assert figures.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'dist_messages_total{node="1",type="sent"} 1006\n' in figures.body
    assert int(figures.headers["content-length"]) == len(figures.body)
    index = fetch(place, "/")
    assert index.status == 200 and b"/metrics" in index.body, index.body
    health = fetch(place, "/healthz")
    assert (health.status, health.body) == (200, b"ok\n")
    ready = fetch(place, "/readyz")
    assert (ready.status, ready.body) == (503, b"link to node 3 is connecting\n"), ready.body
    node.kill(signal.SIGUSR1)
    wait(lambda: fetch(place, "/readyz").status == 200, 10, "the node to be ready", node)
    node.kill(signal.SIGUSR2)
    wait(lambda: fetch(place, "/readyz").body == b"no dataplane\n", 10, "it not to be", node)
    figures = fetch(place, "/metrics").body
    assert b'dist_dataplane_attached{node="1"} 0\n' in figures
    assert b"dist_messages_total" not in figures and b"dist_link_up" not in figures


def test_there_is_nothing_beside_these_paths(scene):
    _, place = metrics_node(scene)
    for path in ("/metrics/", "/metric", "/metricss", "//metrics/x", "/index.html", "/..x",
                 "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/cgi-bin/x.cgi", "/x.php",
                 "/healthz/../../etc"):  # fmt: skip
        answer = fetch(place, path)
        assert answer.status == 404 and answer.body == b"not found\n", (path, answer.body)


def test_head_is_get_without_the_body_and_other_methods_are_refused(scene):
    _, place = metrics_node(scene)
    for path in ("/metrics", "/healthz", "/readyz", "/", "/nowhere"):
        head, get = fetch(place, path, "HEAD"), fetch(place, path)
        assert head.status == get.status and head.body == b"", (path, head.body)
        assert head.headers["content-length"] == str(len(get.body)), (path, head.headers)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "CONNECT", "TRACE"):
        answer = fetch(place, "/metrics", method)
        known = answer.status == 405 and answer.headers["allow"] == "GET, HEAD"
        assert known or answer.status in (400, 501), (method, answer.status, answer.headers)
        assert b"dist_" not in answer.body
    answer = fetch(place, "/metrics", "POST")
    assert answer.status == 405, answer.status


def test_a_connection_is_answered_once(scene):
    _, place = metrics_node(scene)
    two = ask(place, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" * 2)
    assert two.count(b"HTTP/1.1 200") == 1 and b"Connection: close" in two, two


# ---- clients that are wrong ----


def test_garbage_is_refused_and_does_no_harm(scene):
    node, place = metrics_node(scene)
    for request in (b"\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n",
                    b"GET /met rics HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/7.3\r\n\r\n",
                    b"GET metrics HTTP/1.1\r\n\r\n", b"get /metrics HTTP/1.1\r\n\r\n",
                    b"BREW /metrics HTTP/1.1\r\n\r\n", b"GET /\x01\x7f\xff HTTP/1.1\r\n\r\n",
                    b"GET /metrics HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):  # fmt: skip
        answer = ask(place, request)
        assert b"HTTP/1.1 2" not in answer and b"dist_" not in answer, (request, answer[:300])
    chance = random.Random(3)
    for _ in range(300):
        request = bytearray(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        for _ in range(chance.randint(1, 8)):
            request[chance.randrange(len(request) - 4)] = chance.randrange(256)
        ask(place, bytes(request))
    assert http_client.seconds_to_health(place, 5) < 5
    assert node.alive() and not node.err, node.tail()


def test_a_request_that_never_ends_is_cut_short(scene):
    _, place = metrics_node(scene)
    answer = ask(place, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n")
    assert b"dist_" not in answer and b"HTTP/1.1 2" not in answer, answer[:200]
    fits = ask(place, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 7000 + b"\r\n\r\n")
    assert fits.startswith(b"HTTP/1.1 200"), fits
    with http_client.connect(place, seconds=10) as client:
        said = 0
        try:
            while said < 64 << 20:
                client.sendall(b"X-Header: x\r\n" * 1000)
                said += 13_000
        except ConnectionError:
            pass
        assert said < 64 << 20, "it listens to headers without end"
    assert http_client.seconds_to_health(place, 5) < 5


# ---- clients that are slow, or many ----


def test_two_clients_that_are_slow_to_ask_hold_nobody_up_for_long(scene):
    _, place = metrics_node(scene)
    for said in (b"", b"GET /metrics HTTP/1.1\r\n",
                 b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"):  # fmt: skip
        slow = [http_client.connect(place) for _ in range(2)]
        for client in slow:
            client.sendall(said)
        with http_client.repeating(lambda client: client.sendall(b"x"), slow, 0.3):
            took = http_client.seconds_to_health(place, 30)
        assert took < SECONDS_HELD_MAX, (said, took)
        for client in slow:
            client.close()


def test_two_clients_that_are_slow_to_take_their_answer_hold_nobody_up_for_long(scene):
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"',
             "sh"]  # fmt: skip
    if scene.run(*alone, "true", seconds=10).code != 0:
        raise Skip("no network namespace of our own")
    run = scene.run(*alone, sys.executable, os.path.join(HERE, "slow_readers.py"), program(scene))
    assert run.code == 0, run.tail()


def test_a_queue_of_silent_clients_is_worked_off(scene):
    _, place = metrics_node(scene)
    silent = [http_client.connect(place) for _ in range(12)]
    took = http_client.seconds_to_health(place, 60)
    assert took < 15, took
    for client in silent:
        client.close()


def test_a_thousand_clients_come_and_go(scene):
    node, place = metrics_node(scene)
    for _ in range(20):
        crowd = []
        for _ in range(50):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(place)
            crowd.append(client)
        for client in crowd:
            client.close()
    wait(lambda: fetch(place, "/healthz").status == 200, 30, "an answer", node)
    descriptors = lambda: len(os.listdir(f"/proc/{node.child.pid}/fd"))  # noqa: E731
    wait(lambda: descriptors() < 20, 30, "their connections to be closed", node)


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
