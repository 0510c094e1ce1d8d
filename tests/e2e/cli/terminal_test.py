#!/usr/bin/env python3
"""The CLI at a terminal: the shell with its completion and history, watching and top, colours, and
whether the terminal is as it was afterwards. Driven through a pseudo-terminal."""

import os
import re
import signal
import stat
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable-next=wrong-import-position,import-error
from cli_scene import Cli, harness, plain, sample, wait  # noqa: E402
# pylint: disable-next=wrong-import-position,import-error
from fake_control import stall  # noqa: E402

PROMPT = "ringroad> "


def start_shell(cli):
    terminal = cli.terminal()
    terminal.wait_for(PROMPT)
    return terminal


def test_the_shell_runs_commands_and_leaves_with_ctrl_d(scene):
    terminal = start_shell(Cli(scene))
    terminal.type("cluster members\r")
    shown = plain(terminal.wait_for(PROMPT))
    assert "10.77.0.3:8801" in shown, shown
    terminal.type("cluster stats\r")
    assert 'did you mean "status"?' in plain(terminal.wait_for(PROMPT))
    terminal.type("\x04")
    assert terminal.finish() == 2, "the last command's code"


def test_exit_quit_and_help_are_the_shells_own(scene):
    cli = Cli(scene)
    for word in ("exit", "quit"):
        terminal = start_shell(cli)
        terminal.type("help link reset\r")
        assert "usage: ringroad link reset" in plain(terminal.wait_for(PROMPT))
        terminal.type("ringroad node show\r")
        assert "node-1" in plain(terminal.wait_for(PROMPT))
        terminal.type(word + "\r")
        assert terminal.finish() == 0


def test_tab_completes_commands_options_and_what_lives(scene):
    terminal = start_shell(Cli(scene))
    terminal.type("cl\t")
    terminal.wait_for("uster ")
    terminal.type("st\t")
    terminal.wait_for("atus ")
    terminal.type("--no\t\t")
    terminal.wait_for("--no-color")
    terminal.type("\x15link show \t")
    shown = plain(terminal.wait_for("3"))
    assert re.search(r"2\s+3", shown), shown
    terminal.wait_for(PROMPT + "link show ")
    terminal.type("3\r")
    assert "to node-3" in plain(terminal.wait_for(PROMPT))
    terminal.type("\x04")
    terminal.finish()


def test_tab_completes_a_files_name(scene):
    cli = Cli(scene)
    os.rename(scene.config(1, [2]), scene.path("some-file.json"))
    terminal = start_shell(cli)
    terminal.type(f"config check {scene.path('some')}\t")
    terminal.wait_for("-file.json ")
    terminal.type("\r")
    assert "right, of node 1" in plain(terminal.wait_for(PROMPT)).replace("\n", "")
    terminal.type("\x04")
    assert terminal.finish() == 0


def test_completion_does_not_wait_for_a_node_that_is_silent(scene):
    terminal = start_shell(Cli(scene, link_list=stall()))
    terminal.type("link show \t")
    terminal.type("--no-c\t")
    terminal.wait_for("olor", seconds=5)
    terminal.type("\x03")
    terminal.wait_for(PROMPT)
    terminal.type("\x04")
    terminal.finish()


def test_history_is_kept_and_is_nobody_elses(scene):
    cli = Cli(scene)
    terminal = start_shell(cli)
    terminal.type("version\r")
    terminal.wait_for(PROMPT)
    terminal.type("\x04")
    terminal.finish()
    path = scene.path("state/ringroad/history")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    terminal = start_shell(cli)
    terminal.type("\x1b[A")
    terminal.wait_for("version")
    terminal.type("\r")
    assert "ringroad 0.1.0" in plain(terminal.wait_for(PROMPT))
    terminal.type("\x04")
    terminal.finish()


def test_without_a_place_for_history_the_shell_works(scene):
    cli = Cli(scene)
    with open(scene.path("state"), "w", encoding="utf-8"):
        pass  # a file where the folder belongs
    terminal = start_shell(cli)
    terminal.type("version\r")
    assert "ringroad 0.1.0" in plain(terminal.wait_for(PROMPT))
    terminal.type("\x04")
    assert terminal.finish() == 0


def test_ctrl_c_gives_up_a_line_and_what_is_running_but_not_the_shell(scene):
    cli = Cli(scene)
    terminal = start_shell(cli)
    terminal.type("cluster sta\x03")
    terminal.wait_for("^C")
    terminal.wait_for(PROMPT)
    terminal.type("cluster members --watch=0.1\r")
    terminal.wait_for("10.77.0.3")
    terminal.type("\x03")
    terminal.wait_for(PROMPT)
    cli.fake.answers["node.status"] = stall()
    terminal.type("node show\r")
    wait(lambda: cli.fake.requests[-1][0] == "node.status", 20, "the question")
    terminal.type("\x03")
    terminal.wait_for("interrupted")
    terminal.wait_for(PROMPT)
    terminal.type("exit\r")
    terminal.finish()
    assert terminal.mode() == (True, True)


def test_a_shell_that_goes_on_after_ctrl_z_edits_again_with_its_line_as_it_was(scene):
    terminal = start_shell(Cli(scene))
    terminal.type("cluster mem")
    terminal.wait_for("mem")
    edits = terminal.mode()
    # As a shell leaves the terminal that continues a job: lines, echoed.
    mode = termios.tcgetattr(terminal.descriptor)
    mode[3] |= termios.ECHO | termios.ICANON
    termios.tcsetattr(terminal.descriptor, termios.TCSANOW, mode)
    assert terminal.mode() != edits
    terminal.kill(signal.SIGCONT)
    wait(lambda: terminal.mode() == edits, 10, "the shell to edit again")
    terminal.wait_for("cluster mem")
    terminal.type("bers\r")
    terminal.wait_for("10.77.0.3")
    terminal.wait_for(PROMPT)
    terminal.type("\x04")
    assert terminal.finish() == 0


def test_a_shell_that_is_ended_by_a_signal_puts_the_terminal_back(scene):
    cli = Cli(scene)
    for number in (signal.SIGTERM, signal.SIGHUP):
        terminal = start_shell(cli)
        terminal.kill(number)
        terminal.finish()
        assert terminal.mode() == (True, True)


def test_colours_are_for_terminals_that_want_them(scene):
    cli = Cli(scene, cluster_status=sample.CLUSTER)
    terminal = cli.terminal("cluster", "status")
    assert terminal.finish() == 5
    assert "\x1b[31m" in terminal.shown, terminal.shown
    terminal = cli.terminal("cluster", "status", "--no-color")
    terminal.finish()
    assert "\x1b" not in terminal.shown
    scene.environment["NO_COLOR"] = "1"
    terminal = cli.terminal("cluster", "status")
    terminal.finish()
    assert "\x1b" not in terminal.shown
    terminal = cli.terminal("cluster", "status", "-j")
    terminal.finish()
    assert "\x1b" not in terminal.shown


def test_watching_redraws_in_place_and_leaves_the_last_picture(scene):
    cli = Cli(scene)
    terminal = cli.terminal("link", "show", "--watch=0.1")
    for _ in range(3):
        terminal.wait_for("\x1b[H")
        terminal.wait_for("node-2")
    assert terminal.mode() == (True, True)
    suspend = lambda: termios.tcgetattr(terminal.descriptor)[6][termios.VSUSP]
    assert suspend() == b"\0", "ctrl-Z would leave the other screen standing"
    terminal.type("\x03")
    assert terminal.finish() == 0
    assert suspend() == b"\x1a"
    after = terminal.shown.split("\x1b[?1049l")[-1]
    assert "node-2" in after and "\x1b[?25l" not in after, terminal.shown


def frames_of(shown):
    return [plain(part) for part in shown.split("\x1b[H")[1:]]


def check_frames(shown, columns, rows):
    for frame in frames_of(shown.split("\x1b[?1049l")[0]):
        lines = frame.split("\n")
        assert len(lines) <= rows, f"{len(lines)} lines: {frame}"
        assert all(len(line) <= columns for line in lines), frame


def test_top_fits_the_terminal_sorts_by_keys_and_restores_it(scene):
    nodes = [
        sample.node_summary(n, messages_sent_per_second=1e3 * n, name=f"node-with-a-long-name-{n}")
        for n in range(1, 65)
    ]
    status = dict(sample.CLUSTER, nodes=nodes)
    cli = Cli(scene, cluster_status=status)
    terminal = cli.terminal("top", "--interval", "0.2")
    shown = terminal.wait_for("dropped")
    assert "more nodes" in shown and "sorted by node" in shown, shown
    assert terminal.mode() == (False, False)
    terminal.type("s")
    shown += terminal.wait_for("sorted by sent")
    shown += terminal.wait_for("dropped")
    first = plain(frames_of(shown)[-1]).split("NODE")[1].split("\n")[1]
    assert first.split()[0] == "64", shown
    terminal.resize(100, 30)
    terminal.kill(signal.SIGWINCH)
    shown += terminal.wait_for("\x1b[H")
    terminal.type("q")
    assert terminal.finish() == 0
    assert terminal.mode() == (True, True)
    assert "\x1b[?1049l" in terminal.shown and "\x1b[?25h" in terminal.shown
    check_frames(shown, 80, 24)


def test_top_restores_the_terminal_when_it_is_ended_by_a_signal(scene):
    cli = Cli(scene)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        terminal = cli.terminal("top")
        terminal.wait_for("dropped")
        terminal.kill(number)
        terminal.finish()
        assert terminal.mode() == (True, True), number
        assert "\x1b[?1049l" in terminal.shown, number


def test_a_dumb_terminal_gets_neither_colour_nor_movement(scene):
    cli = Cli(scene, cluster_status=sample.CLUSTER)
    for term in ("dumb", ""):
        scene.environment["TERM"] = term
        for words in (("top", "--interval", "0.1"), ("cluster", "status", "--watch=0.1")):
            terminal = cli.terminal(*words)
            for _ in range(3):
                terminal.wait_for("node-2")
            terminal.type("\x03")
            terminal.finish()
            assert "\x1b" not in terminal.shown, (term, terminal.shown)
            assert terminal.mode() == (True, True)


def test_a_pcapng_file_is_not_poured_over_a_terminal(scene):
    cli = Cli(scene)
    terminal = cli.terminal("capture", "-w", "-")
    assert terminal.finish() == 2
    assert "is a terminal" in plain(terminal.shown)
    assert not cli.fake.requests


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
