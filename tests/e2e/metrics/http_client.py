"""HTTP by raw sockets, as well-behaved and as hostile as a test of the metrics server needs it."""

import contextlib
import socket
import threading
import time


def connect(place, receive_bytes=None, seconds=30):
    """A connection to (host, port); `receive_bytes` narrows what it takes without being read."""
    client = socket.socket()
    client.settimeout(seconds)
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(place)
    return client


def read_all(client):
    """Until the other end closes, by whichever means."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def ask(place, request, seconds=30):
    """Says `request`, returns all that comes back."""
    with connect(place, seconds=seconds) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(request)
        return read_all(client)


class Answer:
    """A parsed response; `headers` by their lower-case names."""

    def __init__(self, text):
        head, _, self.body = text.partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value for name, value in
                        (line.split(": ", 1) for line in headers)}  # fmt: skip


def fetch(place, path, method="GET", seconds=30):
    request = f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"
    return Answer(ask(place, request.encode(), seconds))


def seconds_to_health(place, at_most):
    """How long a client that behaves waits for /healthz."""
    before = time.monotonic()
    answer = fetch(place, "/healthz", seconds=at_most)
    assert answer.body == b"ok\n", answer.body
    return time.monotonic() - before


@contextlib.contextmanager
def repeating(action, clients, pause):
    """Does `action` to each client every `pause` seconds until it fails or the block ends."""
    ended = threading.Event()

    def repeat(client):
        with contextlib.suppress(OSError):
            while not ended.wait(pause):
                action(client)

    threads = [threading.Thread(target=repeat, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
