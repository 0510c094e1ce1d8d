#!/usr/bin/env python3
"""Completion in bash: the script is sourced in a real bash and driven with COMP_WORDS."""

import os
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable-next=wrong-import-position,import-error
from cli_scene import Cli, fake_control, harness, sample  # noqa: E402


def complete(cli, *words):
    """What bash would offer for the last word."""
    script = (
        f"source <({shlex.quote(cli.program)} completion bash); "
        f"COMP_WORDS=({shlex.quote(cli.program)} {' '.join(map(shlex.quote, words))}); "
        f"COMP_CWORD={len(words)}; _ringroad 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    process = cli.scene.run("/bin/bash", "--norc", "-c", script)
    assert process.code == 0, process.tail()
    return [line for line in process.out if line]


def test_commands_and_verbs(scene):
    cli = Cli(scene)
    assert complete(cli, "cl") == ["cluster"]
    assert complete(cli, "cluster", "") == [
        "status", "members", "add", "promote", "remove", "transfer-leader"]  # fmt: skip
    assert complete(cli, "config", "r") == ["rollback"]
    first = complete(cli, "")
    assert "doctor" in first and "man" not in first and "complete" not in first, first
    assert complete(cli, "nonsense", "") == []


def test_options_of_the_command_and_of_all(scene):
    cli = Cli(scene)
    assert complete(cli, "top", "--so") == ["--sort"]
    assert complete(cli, "link", "show", "--no") == ["--node", "--no-color"]
    assert "--filter" in complete(cli, "capture", "--")


def test_values_of_options(scene):
    cli = Cli(scene)
    assert complete(cli, "-o", "") == ["table", "wide", "json"]
    assert complete(cli, "link", "show", "--output", "j") == ["json"]
    # As bash parts --output=j.
    assert complete(cli, "link", "show", "--output", "=", "w") == ["wide"]
    assert complete(cli, "link", "show", "--output", "=") == ["table", "wide", "json"]
    assert complete(cli, "top", "--sort", "l") == ["latency"]


def test_what_lives_is_asked_of_the_node_the_line_names(scene):
    cli = Cli(scene)
    assert complete(cli, "link", "show", "") == ["2", "3"]
    assert complete(cli, "ping", "") == ["2", "3"]
    assert complete(cli, "port", "show", "") == ["0", "1"]
    only = {"schema_version": 1, "node_id": 4, "links": [sample.link(1)], "problems": []}
    fake_control.FakeControl(cli.socket(4), {"link.list": only})
    assert complete(cli, "link", "show", "--node", "4", "") == ["1"]
    assert complete(cli, "--node", "") == ["1", "4"]


def test_files_and_silence(scene):
    cli = Cli(scene)
    path = scene.config(1, [2])
    assert complete(cli, "config", "check", path[:-3]) == [path]
    cli.fake.close()
    assert complete(cli, "link", "show", "") == []
    assert complete(cli, "link", "show", "2", "") == []


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
