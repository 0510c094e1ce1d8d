"""How a figure is measured: ours and its baseline in turn, medians of both, one ratio.

Alternating the two spreads whatever else the machine does over both. A program that is missing or
fails makes its row say so; the other rows go on. Ratios are oriented so that higher is better.
"""
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import typing


class NotMeasured(Exception):
    """Why a figure has no value: a program is not built, failed, or said something unreadable."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One row. `ours` and `baseline` take a Context and return one sample as a number."""
    name: str
    unit: str
    ours: typing.Callable
    baseline: typing.Callable
    baseline_name: str
    medium: str
    limit: str           # what the medium allows; "{baseline}" stands for the baseline's value
    higher_is_better: bool = True
    to_reach: float = 0  # the ratio aimed at; 0: reported only
    note: str = ""


@dataclasses.dataclass
class Context:
    build_dir: str
    cpus: typing.Sequence[int]
    seconds: float = 1.0
    notes: dict = dataclasses.field(default_factory=dict)  # figure's name: what a driver adds
    memory: dict = dataclasses.field(default_factory=dict)  # what one driver learns for the next


def find_program(context, name):
    for folder in ("perf", "perf/baselines"):
        path = os.path.join(context.build_dir, folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise NotMeasured(f"not built: {name} (ninja -C {os.path.relpath(context.build_dir)})")


def run_json(command, timeout):
    """Runs a program that prints one JSON object, in a process group of its own."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException as reason:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(reason, subprocess.TimeoutExpired):
                raise NotMeasured(f"{name_of(command)} did not end within {timeout} s") from None
            raise
    if process.returncode != 0:
        lines = errors.strip().splitlines() or ["no message"]
        raise NotMeasured(f"{name_of(command)}: exit code {process.returncode}: {lines[-1]}")
    try:
        return json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise NotMeasured(f"{name_of(command)} printed no JSON: {output[-200:]!r}") from None


def name_of(command):
    return os.path.basename(str(command[0]))


def pick(result, *keys):
    """The first of `keys` that `result` has, as a positive number."""
    for key in keys:
        if isinstance(result.get(key), (int, float)) and result[key] > 0:
            return float(result[key])
    raise NotMeasured(f"none of {', '.join(keys)} in {json.dumps(result)}")


def program(name, *options, keys, scale=1.0, timeout=60):
    """A sample from one of our programs. Options may be functions of the context."""
    def sample(context):
        words = [option(context) if callable(option) else option for option in options]
        result = run_json([find_program(context, name)] + words, timeout)
        return pick(result, *keys) * scale
    return sample


def measure(figure, context, rounds):
    """The row of one figure: the keys that `perf/run --json` prints."""
    row = {"name": figure.name, "value": None, "unit": figure.unit,
           "baseline": figure.baseline_name, "baseline_value": None, "ratio": None, "samples": 0,
           "medium": figure.medium, "limit": figure.limit, "to_reach": figure.to_reach or None,
           "note": figure.note}
    sides = [(figure.ours, ours := [], []), (figure.baseline, baselines := [], [])]
    for _ in range(rounds):
        for side, samples, problems in sides:
            if problems:  # what failed once is not tried again; the other side goes on
                continue
            try:
                samples.append(side(context))
            except NotMeasured as reason:
                problems.append(str(reason))
    notes = [text for _, _, problems in sides for text in problems]
    notes += [context.notes.get(figure.name), figure.note]
    row["note"] = "; ".join(text for text in notes if text)
    if ours:
        row["value"] = statistics.median(ours)
        row["samples"] = len(ours)
    if baselines:
        row["baseline_value"] = statistics.median(baselines)
    row["limit"] = figure.limit.replace("{baseline}", (
        f"{quantity(row['baseline_value'])} {figure.unit}" if baselines else "not measured"))
    if ours and baselines:
        up, down = row["value"], row["baseline_value"]
        row["ratio"] = up / down if figure.higher_is_better else down / up
    return row


def quantity(value):
    """1,234,567 as 1.23 M; what people compare, not what machines read."""
    if value is None:
        return "-"
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if abs(value) >= factor:
            return f"{value / factor:.2f}{letter}"
    return f"{value:.1f}"


def select(figures, names):
    """Figures by name: an exact name means that one, another word all that begin with it."""
    if not names:
        return list(figures)
    chosen = []
    for name in names:
        found = [f for f in figures if f.name == name] or [
            f for f in figures if f.name.startswith(name.rstrip(".") + ".")]
        if not found:
            raise KeyError(name)
        chosen += [f for f in found if f not in chosen]
    return chosen
