#!/usr/bin/env python3
"""Clients that ask for all figures and do not take them, or take them a little at a time.

Run in a network namespace of its own, whose kernel keeps next to nothing of what is sent: elsewhere
it takes the whole answer off the server's hands, and nobody is held up.

usage: slow_readers.py METRICS-NODE
"""

import signal
import subprocess
import sys

import http_client


def hold_both_threads(place, action):
    clients = [http_client.connect(place, receive_bytes=1024) for _ in range(2)]
    for client in clients:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        client.recv(1)  # A thread has begun to answer.
    with http_client.repeating(action, clients, 0.05):
        took = http_client.seconds_to_health(place, 20)
    for client in clients:
        client.close()
    # Held, so that this test tests something; but not for long.
    assert 0.5 < took < 6, took


def main():
    with open("/proc/sys/net/ipv4/tcp_wmem", "w", encoding="ascii") as file:
        file.write("4096 4096 4096")
    with subprocess.Popen([sys.argv[1], "127.0.0.1:0", "full"], stdout=subprocess.PIPE,
                          text=True) as node:  # fmt: skip
        try:
            place = ("127.0.0.1", int(node.stdout.readline().rsplit(":", 1)[1]))
            hold_both_threads(place, lambda client: None)
            hold_both_threads(place, lambda client: client.recv(100))
            stuck = [http_client.connect(place, receive_bytes=1024) for _ in range(2)]
            for client in stuck:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                client.recv(1)
            node.send_signal(signal.SIGTERM)
            took = float(node.stdout.readline().removeprefix("ended in "))
            assert took < 2.5, took
        finally:
            node.kill()


if __name__ == "__main__":
    main()
