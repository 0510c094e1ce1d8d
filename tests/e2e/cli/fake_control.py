#!/usr/bin/env python3
"""A control process that is none: answers ringroad.rpc.json's methods with results a test hands it.

Parameters are checked against the description, and every result before it is sent, so that what the
CLI is tested with is what the interface promises. It can be told to fail, to stall, to hang up, or
to answer with raw bytes. Runs in threads of the test's own process.
"""

import base64
import copy
import functools
import json
import os
import socket
import threading

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
DESCRIPTION = os.path.join(HERE, "..", "..", "..", "control", "rpc", "ringroad.rpc.json")

with open(DESCRIPTION, encoding="utf-8") as _file:
    RPC = json.load(_file)
METHODS = {method["name"]: method for method in RPC["methods"]}


@functools.lru_cache(maxsize=None)
def _validator(text):
    return jsonschema.Draft7Validator(dict(json.loads(text), definitions=RPC["definitions"]))


def check(schema, value):
    """Raises jsonschema.ValidationError unless the value is as the description says."""
    _validator(json.dumps(schema)).validate(value)


class Refusal(Exception):
    """An error answer of one of the description's kinds."""

    def __init__(self, kind, message, **data):
        super().__init__(message)
        self.error = {"code": RPC["errors"][kind], "message": message,
                      "data": {"kind": kind, **data}}  # fmt: skip


class HangUp(Exception):
    """Closes the connection instead of answering."""


class Raw(Exception):
    """Bytes to be sent instead of an answer."""

    def __init__(self, *pieces):
        super().__init__("raw")
        self.pieces = pieces


class Connection:
    """One client's; answers may send notifications through it."""

    def __init__(self, server, stream):
        self.server, self.stream = server, stream
        self.lock = threading.Lock()

    def send(self, message):
        with self.lock:
            self.stream.sendall(json.dumps(message).encode() + b"\n")

    def notify(self, method, name, params):
        check(METHODS[method]["notifications"][name], params)
        self.send({"jsonrpc": "2.0", "method": name, "params": params})

    def packet(self, number, payload, direction="in"):
        self.notify("capture.start", "capture.packet", {
            "time_nanoseconds": 1_700_000_000_000_000_000 + number * 1_000_000,
            "direction": direction, "length": len(payload),
            "bytes": base64.b64encode(payload).decode()})  # fmt: skip

    def serve(self):
        try:
            for line in self.stream.makefile("rb"):
                self.answer(json.loads(line))
        except (OSError, HangUp):
            pass
        finally:
            self.stream.close()

    def answer(self, request):
        name, number = request["method"], request["id"]
        assert request["jsonrpc"] == "2.0"
        self.server.requests.append((name, request["params"]))
        try:
            check(METHODS[name]["params"], request["params"])
            answer = self.server.answers[name]
            result = answer(self, request["params"]) if callable(answer) else answer
            check(METHODS[name]["result"], result)
            self.send({"jsonrpc": "2.0", "id": number, "result": result})
        except KeyError:
            self.send({"jsonrpc": "2.0", "id": number,
                       "error": {"code": -32601, "message": f"no method {name}"}})  # fmt: skip
        except jsonschema.ValidationError as fault:
            self.server.faults.append(f"{name}: {fault.message}")
            self.send({"jsonrpc": "2.0", "id": number,
                       "error": {"code": -32602, "message": fault.message}})  # fmt: skip
        except Refusal as refusal:
            self.send({"jsonrpc": "2.0", "id": number, "error": refusal.error})
        except Raw as raw:
            for piece in raw.pieces:
                self.stream.sendall(piece)


class FakeControl:
    """Serves `answers` (by method: a result, or a function of connection and parameters)."""

    def __init__(self, path, answers):
        self.path = path
        self.answers = copy.copy(answers)
        self.requests = []  # (method, parameters), in the order they came
        self.faults = []  # what went against the description; a test expects none
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(stream)
            threading.Thread(target=Connection(self, stream).serve, daemon=True).start()

    def close(self):
        """As a killed process leaves things: the socket's file stays, and nobody is behind it."""
        for stream in [self.listener, *self.connections]:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            stream.close()
        self.thread.join(5)


def stall(seconds=30):
    """An answer that takes long, unless the client hangs up before."""

    def wait(connection, _params):
        connection.stream.settimeout(seconds)
        try:
            connection.stream.recv(1)
        except OSError:
            pass
        raise HangUp

    return wait


def refuse(kind, message, **data):
    def answer(_connection, _params):
        raise Refusal(kind, message, **data)

    return answer
