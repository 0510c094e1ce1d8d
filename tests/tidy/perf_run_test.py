#!/usr/bin/env python3
"""The framework behind perf/run, on made-up figures and programs.

What a figure says depends on the order of runs, on medians and on which way a ratio points; a
mistake there would not look like one. The parsers of other programs' output are held against
samples of it.
"""
import os
import stat
import subprocess
import sys
import tempfile
import time
from unittest import mock

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
PERF = os.path.join(HERE, "..", "..", "perf")
sys.path.insert(0, PERF)
import figures  # pylint: disable=wrong-import-position
import measure  # pylint: disable=wrong-import-position
import others  # pylint: disable=wrong-import-position


def figure(ours, baseline, **changes):
    fields = dict(name="a.b", unit="messages/s", ours=ours, baseline=baseline,
                  baseline_name="other", medium="memif", limit="at most {baseline}")
    return measure.Figure(**{**fields, **changes})


def script(folder, name, body):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + body)
    os.chmod(path, stat.S_IRWXU)
    return path


def built(body):
    """A build directory whose perf/program does `body`."""
    folder = tempfile.TemporaryDirectory()
    os.makedirs(os.path.join(folder.name, "perf", "baselines"))
    script(os.path.join(folder.name, "perf"), "program", body)
    return folder


def expect_not_measured(call, words):
    try:
        call()
    except measure.NotMeasured as reason:
        assert words in str(reason), reason
        return
    raise AssertionError(f"measured, though: {words}")


def test_alternation_and_median():
    """Ours and the baseline take turns, and the medians are compared."""
    order = []
    ours, theirs = iter([10.0, 90.0, 30.0]), iter([5.0, 20.0, 10.0])
    row = measure.measure(figure(lambda _: order.append("o") or next(ours),
                                 lambda _: order.append("b") or next(theirs)),
                          measure.Context("", [0, 1]), 3)
    assert "".join(order) == "obobob", order
    assert (row["value"], row["baseline_value"], row["ratio"], row["samples"]) == (30, 10, 3, 3)
    assert row["limit"] == "at most 10.0 messages/s"


def test_orientation_of_times():
    """A time half the baseline's has a ratio of 2: higher is better."""
    row = measure.measure(figure(lambda _: 50.0, lambda _: 100.0, higher_is_better=False),
                          measure.Context("", [0, 1]), 1)
    assert row["ratio"] == 2


def test_keys():
    """A row carries the keys that were promised."""
    row = measure.measure(figure(lambda _: 1.0, lambda _: 1.0), measure.Context("", [0, 1]), 1)
    promised = {"name", "value", "unit", "baseline", "baseline_value", "ratio", "samples", "medium",
                "limit"}
    assert promised <= set(row)


def test_missing_program():
    """A program that is not built makes a row without a value that says so; the baseline stands."""
    row = measure.measure(figure(measure.program("absent", keys=["value"]), lambda _: 7.0),
                          measure.Context("nowhere", [0, 1]), 2)
    assert row["value"] is None and row["ratio"] is None and row["baseline_value"] == 7
    assert "not built: absent" in row["note"], row["note"]


def test_program_result():
    """A program's last line is read, its options are filled in, its value is scaled."""
    with built('echo noise; echo "{\\"value\\": $2}"\n') as folder:
        context = measure.Context(folder, [0, 1], seconds=4)
        sample = measure.program("program", "--n", lambda c: c.seconds, keys=["x", "value"],
                                 scale=0.5)
        assert sample(context) == 2


def test_program_failures():
    """A program that fails, talks nonsense, says nothing useful or hangs is told apart."""
    cases = [("echo broken pool >&2; exit 3\n", "exit code 3: broken pool"),
             ("echo fast\n", "printed no JSON"), ("true\n", "printed no JSON"),
             ('echo "{\\"value\\": 0}"\n', "none of value"),
             ("tail -f /dev/null\n", "did not end")]
    for body, words in cases:
        with built(body) as folder:
            sample = measure.program("program", keys=["value"], timeout=2)
            expect_not_measured(lambda s=sample, f=folder: s(measure.Context(f, [0, 1])), words)


def test_selection():
    """An exact name means one figure, a part of one all that begin with it, others are refused."""
    names = [f.name for f in measure.select(figures.FIGURES, ["pingpong.memif.64B"])]
    assert names == ["pingpong.memif.64B"], names
    assert len(measure.select(figures.FIGURES, ["p2p", "p2p.memif.64B"])) == 5
    assert len(measure.select(figures.FIGURES, [])) == len(figures.FIGURES)
    try:
        measure.select(figures.FIGURES, ["p2"])
    except KeyError:
        return
    raise AssertionError("p2 is no name")


def test_names_are_unique():
    """No two figures share a name."""
    names = [f.name for f in figures.FIGURES]
    assert len(names) == len(set(names))


def test_headline_offers_a_share():
    """The headline offers 70 % of the capacity found, and no more than 4.2 M/s."""
    for capacity, offered in ((1_000_000, 700_000), (9_000_000, 4_200_000)):
        def p2p(_context, _size, rate="max", capacity=capacity):
            return {"msgs_per_s": capacity if rate == "max" else rate,
                    "latency_ns": {"p95": 1000, "p99": 2000}}
        with mock.patch.object(figures.node_pair, "p2p", p2p):
            context = measure.Context("nowhere", [0, 1])
            assert figures.headline(context) == 2000
        note = context.notes["headline.memif.1024B"]
        assert f"{offered / 1e6:.2f} M/s received; p95 1.0 us" in note, note


def test_testpmd_rates():
    """testpmd's first periods, empty or partial, are left out."""
    text = "".join(f"  Rx-pps:  {n}      Rx-bps:   5\n  Tx-pps:   0   Tx-bps: 0\n"
                   for n in (0, 1427193, 7590290, 4700679))
    assert others.parse_rates(text, "Rx-pps") == [0, 1427193, 7590290, 4700679]
    assert others.steady([0, 1427193, 7590290, 4700679]) == [7590290, 4700679]
    assert others.steady([0, 0]) == [] and others.steady([5]) == []


def test_sockperf_percentiles():
    """sockperf's microseconds become nanoseconds; a percentile it did not print is an error."""
    text = "sockperf: ---> percentile 99.000 =    7.785\nsockperf: ---> percentile 50.000 = 4.000\n"
    assert others.parse_percentile(text, 50) == 4000
    expect_not_measured(lambda: others.parse_percentile(text, 95), "no percentile 95")


def is_running(pid):
    try:
        return others.read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_left_running():
    """A program of somebody else's is ended with its children when its block ends."""
    with tempfile.TemporaryDirectory() as folder:
        path = script(folder, "stay", "tail -f /dev/null & echo $!\nexec tail -f /dev/null\n")
        log = os.path.join(folder, "log")
        with others.running([path], log, folder=folder) as process:
            others.wait_for(lambda: others.read(log).strip(), "stay", process, log, 5)
        assert process.returncode is not None
        child = int(others.read(log))
        # Killed, it is gone or a zombie soon; whoever adopted it may take a moment to collect it.
        deadline = time.monotonic() + 10
        while is_running(child):
            assert time.monotonic() < deadline, others.read(f"/proc/{child}/stat")
            time.sleep(0.01)


def test_command_line():
    """perf/run lists figures and refuses names it does not know."""
    run = [sys.executable, os.path.join(PERF, "run")]
    listing = subprocess.run(run + ["--list", "--only", "null"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    assert listing.startswith("null.tx.64B") and listing.count("\n") == 1, listing
    wrong = subprocess.run(run + ["--only", "nul"], stderr=subprocess.PIPE, text=True, check=False)
    assert wrong.returncode == 2 and "null.tx.64B" in wrong.stderr


if __name__ == "__main__":
    sys.exit(tap.run_functions(dict(globals())))
