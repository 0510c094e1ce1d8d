#!/usr/bin/env python3
"""Every command of the CLI against a control process that answers what the interface's description
allows: exit codes, JSON against the schemas, tables against golden files, and what goes wrong."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable-next=wrong-import-position,import-error
from cli_scene import Cli, fake_control, golden, harness, sample, wait  # noqa: E402
# pylint: disable-next=wrong-import-position,import-error
from fake_control import Raw, refuse, stall  # noqa: E402


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def broken_cluster(scene, **changes):
    return Cli(scene, cluster_status=sample.CLUSTER, **changes)


def test_cluster_status_answers_at_a_glance_and_exits_5_when_something_is_wrong(scene):
    cli = broken_cluster(scene)
    cli.table("cluster-status", "cluster", "status", code=5)
    answer = cli.result("cluster.status", "cluster", "status", code=5)
    assert answer["schema_version"] == 1
    assert answer["problems"][0]["next"] == sample.DOWN_LINK["next"]


def test_a_healthy_cluster_exits_0_and_one_with_a_mere_warning_5(scene):
    cli = Cli(scene)
    cli.table("cluster-status-healthy", "cluster", "status")
    warning = dict(sample.DOWN_LINK, severity="warning")
    cli.fake.answers["cluster.status"] = dict(sample.HEALTHY_CLUSTER, problems=[warning])
    cli.run("cluster", "status", code=5)
    unknown = [sample.node_summary(1), sample.node_summary(2, state="unknown")]
    cli.fake.answers["cluster.status"] = dict(sample.HEALTHY_CLUSTER, nodes=unknown)
    cli.run("cluster", "status", code=5)


def test_of_a_node_that_stands_still_no_figures_are_shown_and_its_mend_is(scene):
    cli = Cli(scene, node_status=sample.STILL_NODE, link_list=sample.STILL_LINKS,
              port_list=sample.STILL_PORTS, app_list=sample.STILL_PROGRAMS)  # fmt: skip
    cli.table("node-show-still", "node", "show")
    cli.result("node.status", "node", "show")
    cli.table("link-show-still", "link", "show")
    cli.table("link-show-still", "link", "show", "2")
    cli.table("port-show-still", "port", "show")
    cli.result("port.list", "port", "show")
    cli.table("app-show-still", "app", "show")
    cli.result("app.list", "app", "show")


def test_a_program_that_does_not_read_is_marked(scene):
    programs = [sample.application(1), sample.application(2, does_read=False)]
    cli = Cli(scene, app_list={"schema_version": 1, "node_id": 1, "applications": programs,
                               "problems": [sample.UNREAD]})  # fmt: skip
    cli.table("app-show-unread", "app", "show")
    cli.result("app.list", "app", "show")


def test_64_nodes_with_long_names_fit_80_columns(scene):
    nodes = [sample.node_summary(n, name=f"a-very-long-name-of-node-number-{n}" * 2,
                                 zone="europe-west-1-zone-b", state="degraded", role="follower",
                                 links_up=63, links_total=63, sees=list(range(1, 64)))
             for n in range(1, 65)]  # fmt: skip
    status = dict(sample.CLUSTER, cluster="a cluster with a long name " * 4, nodes=nodes,
                  problems=[dict(sample.DOWN_LINK, text="word " * 60)] * 3)  # fmt: skip
    links = [sample.link(n, name="a-long-name-of-a-peer" * 3, state="connecting") for n in
             range(2, 65)]  # fmt: skip
    cli = Cli(scene, cluster_status=status,
              link_list={"schema_version": 1, "node_id": 1, "links": links,
                         "problems": []})  # fmt: skip
    for words in (["cluster", "status"], ["link", "show"], ["top", "--once"]):
        process = scene.run(cli.program, *words)
        assert len(process.out) >= 64, process.tail()
        for line in process.out:
            assert len(line) <= 80, f"{words}: {len(line)} columns: {line}"
    wide = scene.run(cli.program, "cluster", "status", "-o", "wide")
    assert any("a-very-long-name-of-node-number-64" in line for line in wide.out)


def test_tables_are_as_they_were(scene):
    cli = Cli(scene)
    cli.table("cluster-members", "cluster", "members")
    cli.table("node-show", "node", "show")
    cli.table("port-show", "port", "show")
    cli.table("port-show-0", "port", "show", "0")
    cli.table("link-show", "link", "show")
    cli.table("link-show-3", "link", "show", "3")
    cli.table("link-show-3", "link", "show", "1-3")
    cli.table("link-reset", "link", "reset", "2")
    cli.table("app-show", "app", "show")
    cli.table("config-show", "config", "show")
    cli.table("config-rollback", "config", "rollback")
    cli.table("ping", "ping", "2", "-c", "2", "-i", "0")
    cli.table("top-once", "top", "--once", "--sort", "sent")


def test_json_is_the_result_as_it_is_described(scene):
    cli = Cli(scene)
    for method, *words in (
        ("cluster.members", "cluster", "members"), ("node.status", "node", "show"),
        ("port.list", "port", "show"), ("port.list", "port", "show", "1"),
        ("link.list", "link", "show"), ("link.list", "link", "show", "2"),
        ("link.reset", "link", "reset", "2"), ("app.list", "app", "show"),
        ("config.get", "config", "show"), ("config.rollback", "config", "rollback"),
    ):  # fmt: skip
        cli.result(method, *words)
    assert [port["index"] for port in cli.json("port", "show", "1")["ports"]] == [1]
    figures = cli.json("ping", "2", "-c", "3", "-i", "0")
    assert figures["sent"] == figures["received"] == 3
    assert figures["round_trip_p99_seconds"] == 4.1e-6
    frame = cli.json("top", "--once")
    fake_control.check(fake_control.METHODS["cluster.status"]["result"], frame["cluster"])


def test_configurations_are_checked_here_and_changed_there(scene):
    cli = Cli(scene)
    right = scene.config(1, [2])
    cli.table("config-check", "config", "check", right)
    cli.table("config-diff", "config", "diff", right)
    cli.table("config-apply", "config", "apply", right, "--expect-version", "1")
    method, params = cli.fake.requests[-1]
    assert (method, params["expected_version"]) == ("config.apply", 1)
    assert params["document"]["local_node"]["node_id"] == 1
    cli.table("config-apply-dry", "config", "apply", right, "--dry-run")
    cli.result("config.apply", "config", "apply", right)
    wrong = scene.config(1, [2], ports=[{"kind": "memfi"}])
    faults = cli.run("config", "check", wrong, code=1).out  # a line each, to be found again
    golden("config-check-wrong", "\n".join(faults) + "\n", scene)
    answer = cli.json("config", "check", wrong, code=1)
    assert answer["ok"] is False and "memfi" in answer["faults"][0]
    before = len(cli.fake.requests)
    cli.run("config", "apply", wrong, code=1)
    assert len(cli.fake.requests) == before, "a faulty file was sent"
    cli.run("config", "check", scene.path("none.json"), code=3)
    cli.fake.close()
    os.unlink(cli.socket())
    cli.run("config", "check", scene.config(1, [2]))  # needs nobody


def test_faults_the_control_process_finds_are_told_one_a_line(scene):
    cli = Cli(scene, config_apply=refuse("invalid_config", "2 faults", faults=["one", "two"]))
    process = cli.run("config", "apply", scene.config(1, [2]), code=1)
    assert process.err[1:] == ["  one", "  two"], process.tail()


def test_exit_codes_follow_the_kind_of_error(scene):
    cli = Cli(scene)
    for kind, code in (("not_found", 3), ("unreachable", 4), ("denied", 7), ("timed_out", 6),
                       ("failed", 1), ("conflict", 1), ("busy", 1)):  # fmt: skip
        cli.fake.answers["node.status"] = refuse(kind, f"so it is: {kind}")
        process = cli.run("node", "show", code=code)
        assert process.err == [f"ringroad: node 1: so it is: {kind}"], process.tail()
        assert not process.out


def test_usage_is_explained_and_exits_2(scene):
    cli = Cli(scene)
    for words, said in (
        (["cluster", "stats"], 'did you mean "status"?'),
        (["cluser", "status"], 'did you mean "cluster"?'),
        (["link", "show", "--ouput", "json"], 'did you mean "--output"?'),
        (["node", "show", "-o", "jsn"], 'did you mean "json"?'),
        (["link", "reset"], "needs PEER"),
        (["link"], "one of: show, reset"),
        (["link", "show", "65"], "is not a node's id (1 to 64)"),
        (["port", "show", "x"], "is not a whole number from 0 to 63"),
        (["ping", "2", "--count", "many"], "--count"),
        (["ping", "2", "--watch"], "--watch"),
        (["node", "show", "--timeout", "soon"], "--timeout"),
        (["node", "show", "too", "much"], '"too" is one word too many'),
        (["--node", "99", "node", "show"], "--node"),
        (["node", "show", "-j", "-o", "table"], "--json and --output table ask for two forms"),
        (["node", "show", "-o", "wide", "-j"], "--json and --output wide ask for two forms"),
    ):
        process = cli.run(*words, code=2)
        assert any(said in line for line in process.err), f"{words}: {process.tail()}"
        assert not process.out
    assert cli.run(code=2).err[0].startswith("Asks and tells a running Ringroad node")


def test_every_command_has_help_with_an_example_that_fits(scene):
    cli = Cli(scene)
    listed = [line.split("  ")[1] for line in cli.run("--help").out if line.startswith("  ")]
    commands = [words for words in listed if words and words[0].isalpha()]
    assert "cluster status" in commands and "doctor" in commands, commands
    for command in commands:
        text = cli.run(*command.split(), "--help").out
        assert any(line.startswith("  ringroad ") for line in text), f"{command}: no example"
        assert all(len(line) <= 80 for line in text), f"{command}: too broad"


def test_options_stand_before_or_behind_the_command(scene):
    cli = Cli(scene)
    for words in (["-o", "json", "--node", "1", "link", "show", "2"],
                  ["link", "show", "2", "-j", "--node=1"], ["link", "-j", "show", "2"],
                  ["link", "show", "2", "-j", "-o", "json"],
                  ["link", "show", "2", "-j", "--node", cli.socket()]):  # fmt: skip
        assert cli.run(*words).json()["links"][0]["peer_id"] == 2


def test_whom_to_ask_is_the_only_one_or_the_lowest_that_answers(scene):
    cli = Cli(scene, node=2)
    assert not cli.run("node", "show").err
    dead = fake_control.FakeControl(cli.socket(1), {})
    dead.close()
    third = fake_control.FakeControl(cli.socket(3), {})
    process = cli.run("node", "show")
    assert process.err[0] == (
        "ringroad: node 1 has a control process that does not answer; 3 nodes here; asking node 2 "
        "(another one: --node N)"), process.tail()
    third.close()
    process = cli.run("node", "show", "--node", "1", code=4)
    assert process.err == [
        f"ringroad: node 1: no control process answers at {cli.socket(1)}: connection refused; "
        "mend: systemctl start ringroad-control@1, tools/deploy_distributed.sh start 1 control, "
        "or ringroad-control --config FILE"
    ], process.tail()
    scene.environment["RINGROAD_NODE"] = "3"
    assert "node 3" in cli.run("node", "show", code=4).err[0]
    scene.environment["RINGROAD_NODE"] = "2"
    cli.run("node", "show")


def test_nobody_there_is_unreachable_and_says_what_starts_it(scene):
    cli = Cli(scene)
    cli.fake.close()
    os.unlink(cli.socket())
    assert "mend: systemctl start" in cli.run("cluster", "status", code=4).err[0]


def test_a_socket_that_may_not_be_opened_is_denied(scene):
    cli = Cli(scene)
    os.chmod(cli.socket(), 0)
    # Root may open everything, and asks as nobody.
    nobody = AS_NOBODY if os.geteuid() == 0 else ()
    process = scene.run(cli.program, "node", "show", "--node", "1", prefix=nobody)
    assert process.code == 7 and "/control/group" in process.err[0], process.tail()


def test_whom_may_not_be_asked_is_denied_when_nobody_was_named_too(scene):
    if os.geteuid() != 0:
        raise harness.Skip("asking as nobody takes root")
    nobody = AS_NOBODY
    cli = Cli(scene)
    second = fake_control.FakeControl(cli.socket(2), {})
    for node in (1, 2):
        os.chmod(cli.socket(node), 0o660)
    for mode, what in ((0o711, scene.directory), (0o755, f"node 1: {cli.socket(1)}")):
        os.chmod(scene.directory, mode)
        process = scene.run(cli.program, "node", "show", prefix=nobody)
        assert process.code == 7, process.tail()
        assert process.err[0].startswith(f"ringroad: {what}: permission denied; mend: ")
    second.close()


def test_an_answer_that_does_not_come_times_out(scene):
    cli = Cli(scene, node_status=stall())
    process = cli.run("node", "show", "--timeout", "0.2", code=6)
    assert "did not answer in time" in process.err[0]


def test_hostile_servers_are_told_apart_from_nodes(scene):
    cli = Cli(scene)
    wrong_id = b'{"jsonrpc":"2.0","id":77,"result":{}}\n'
    for raw, code in (((b"HTTP/1.1 400 Bad Request\n",), 1), ((wrong_id,), 1), ((b"[]\n",), 1),
                      ((b'{"jsonrpc":"2.0","id":1}\n',), 1), ((b"\xff\xfe\n",), 1),
                      ((b'{"jsonrpc":"2.0","id":1,"result":', b'{"a":' * 2000 + b"\n"), 1),
                      ((b"x" * 65536,) * 1030, 1)):  # fmt: skip

        def answer(_connection, _params, raw=raw):
            raise Raw(*raw)

        cli.fake.answers["node.status"] = answer
        process = cli.run("node", "show", code=code)
        assert len(process.err) == 1 and len(process.err[0]) < 400, process.tail()

    def hang_up(_connection, _params):
        raise fake_control.HangUp

    cli.fake.answers["node.status"] = hang_up
    assert "hung up" in cli.run("node", "show", code=4).err[0]


def test_names_cannot_command_the_terminal(scene):
    cli = Cli(scene, node_status=dict(sample.NODE, name="\x1b[2Jevil\u009b1m\n", zone="a\tb"))
    process = cli.run("node", "show")
    assert "?[2Jevil?1m?" in process.out[0], process.tail()


def test_what_is_odd_in_an_answer_is_shown_as_not_known(scene):
    cli = Cli(scene)
    for method, words in (("cluster.status", ["cluster", "status"]), ("node.status",
                          ["node", "show"]), ("link.list", ["link", "show"]), ("port.list",
                          ["port", "show"]), ("app.list", ["app", "show"]),
                          ("cluster.members", ["cluster", "members"])):  # fmt: skip
        for odd in ("{}", "null", "[1]", '{"nodes":[1,{}],"links":[{}],"ports":{},"loops":3}'):
            answer = b'{"jsonrpc":"2.0","id":1,"result":' + odd.encode() + b"}\n"

            def raw(_connection, _params, answer=answer):
                raise Raw(answer)

            cli.fake.answers[method] = raw
            cli.run(*words)


def test_watching_into_a_pipe_prints_an_object_a_line(scene):
    cli = Cli(scene)
    process = scene.start("watch", cli.program, "cluster", "status", "--watch=0.1")
    wait(lambda: len(process.out) >= 3, 20, "three lines", process)
    for line in list(process.out):
        fake_control.check(fake_control.METHODS["cluster.status"]["result"], json.loads(line))
    # A control process that is restarted under it is told of once, and asked again.
    cli.fake.close()
    wait(lambda: process.err, 20, "a word on stderr", process)
    os.unlink(cli.socket())
    cli.start()
    seen = len(process.out)
    wait(lambda: len(process.out) >= seen + 2, 20, "lines to go on", process)
    assert len(process.err) <= 3, process.tail()
    process.kill(signal.SIGINT)
    assert process.finish(10) == 0, process.tail()


def test_readers_that_leave_are_no_error(scene):
    cli = Cli(scene)
    for words in ("--help", "cluster status --watch=0.1", "top --interval 0.1",
                  "cluster status --watch=0.1 -j"):  # fmt: skip
        shell = f"{cli.program} {words} | head -n 1; echo code ${{PIPESTATUS[0]}}"
        process = scene.run("/bin/bash", "-c", shell)
        assert process.out[-1] == "code 0" and not process.err, process.tail()


def test_output_that_cannot_be_written_is_a_failure(scene):
    cli = Cli(scene)
    process = scene.run("/bin/bash", "-c", f"{cli.program} node show > /dev/full")
    assert process.code == 1 and "No space left" in process.err[0], process.tail()


def test_closed_streams_hang_nobody(scene):
    cli = Cli(scene)
    process = scene.run("/bin/bash", "-c", f"{cli.program} node show <&- >&- 2>&-")
    assert process.code == 0, process.tail()


def test_pings_are_counted_and_lost_ones_exit_6(scene):
    count = []

    def every_other(_connection, params):
        count.append(1)
        if len(count) % 2:
            raise fake_control.Refusal("timed_out", "node 2 did not answer in 1 s")
        return {"schema_version": 1, "peer_id": params["peer_id"], "bytes": params["bytes"],
                "round_trip_seconds": 2e-6}  # fmt: skip

    cli = Cli(scene, ping=every_other)
    process = cli.run("ping", "2", "-c", "4", "-i", "0", "-s", "1024")
    assert "node 2: 4 sent, 2 received, 50 % lost" in process.out[-2], process.tail()
    cli.fake.answers["ping"] = refuse("timed_out", "nothing came back")
    cli.run("ping", "2", "-c", "2", "-i", "0", code=6)
    cli.fake.answers["ping"] = refuse("unreachable", "the link is down")
    cli.run("ping", "2", "-c", "2", "-i", "0", code=4)
    cli.fake.answers["ping"] = refuse("not_found", "node 9 is no peer")
    cli.run("ping", "9", "-c", "2", "-i", "0", code=3)


def test_ctrl_c_ends_a_ping_with_its_figures_and_a_question_by_the_signal(scene):
    cli = Cli(scene)
    process = scene.start("ping", cli.program, "ping", "2", "-c", "0", "-i", "0.05")
    wait(lambda: len(process.out) >= 2, 20, "two pings", process)
    process.kill(signal.SIGINT)
    assert process.finish(10) == 0 and "round trip" in process.out[-1], process.tail()
    cli.fake.answers["node.status"] = stall()
    process = scene.start("show", cli.program, "node", "show")
    wait(lambda: cli.fake.requests[-1][0] == "node.status", 20, "the question", process)
    process.kill(signal.SIGINT)
    assert process.finish(10) == -signal.SIGINT, process.tail()


def packets(connection, params, count=20):
    connection.send({"jsonrpc": "2.0", "method": "noise", "params": {}})
    for number in range(min(count, params["packets_max"])):
        payload = bytes.fromhex("025252000002025252000001" "0800" "4500001c000040004011"
                                "0000" "0a4d0001" "0a4d0002" "22612261" "00080000")  # fmt: skip
        connection.packet(number, payload, "out" if number % 2 else "in")
    if count >= params["packets_max"]:
        end(connection, "packets", params["packets_max"])
    return {"schema_version": 1, "link_type": 1, "port_name": "port 0 (memif)"}


def end(connection, reason, count):
    connection.notify("capture.start", "capture.end", {"reason": reason, "packets": count,
                                                       "filtered": 3, "dropped": 0})  # fmt: skip


def stop(connection, _params):
    end(connection, "stopped", 5)
    return {"schema_version": 1}


def test_captures_print_a_line_a_packet_or_write_a_file_others_can_read(scene):
    cli = Cli(scene, capture_start=packets)
    cli.table("capture", "capture", "-c", "3")
    lines = cli.run("capture", "-c", "3", "-j").out
    assert [json.loads(line)["direction"] for line in lines] == ["in", "out", "in"]
    path = scene.path("some.pcapng")
    process = cli.run("capture", "-c", "5", "-w", path, "--filter", "udp", "--snap", "64")
    assert not process.out and "5 packets captured" in process.err[-1], process.tail()
    program = cli.fake.requests[-1][1]["program"]
    assert len(program) > 2 and all(len(row) == 4 for row in program), program
    assert len(tshark(path)) == 5
    shell = f"{cli.program} capture -c 4 -w - | tshark -r - -T fields -e udp.port"
    process = scene.run("/bin/bash", "-c", shell)
    assert len(process.out) == 4, process.tail()
    cli.run("capture", "--snap", "3", code=2)
    # Compiled here, names and all: the control process is not asked for what is no filter.
    asked = len(cli.fake.requests)
    for wrong in ("udp prot 1", "host no-such-host.invalid"):
        assert "--filter: " in cli.run("capture", "--filter", wrong, code=2).tail()
    assert len(cli.fake.requests) == asked, cli.fake.requests[asked:]


def tshark(path):
    listing = subprocess.run(["tshark", "-r", path], capture_output=True, text=True, timeout=60,
                             check=True)  # fmt: skip
    return listing.stdout.splitlines()


def test_ctrl_c_ends_a_capture_with_its_file_whole(scene):
    endless = lambda connection, params: packets(connection, params, 5)  # noqa: E731
    cli = Cli(scene, capture_start=endless, capture_stop=stop)
    path = scene.path("some.pcapng")
    process = scene.start("capture", cli.program, "capture", "-w", path)
    process.wait_for("captures port 0")
    wait(lambda: os.path.getsize(path) > 400, 20, "packets in the file", process)
    process.kill(signal.SIGINT)
    assert process.finish(15) == 0, process.tail()
    assert "ended by: stopped" in process.err[-1], process.tail()
    assert len(tshark(path)) == 5


def test_version_is_told_with_the_nodes_when_it_answers(scene):
    cli = Cli(scene)
    assert cli.run("version").out == ["ringroad 0.1.0", "node 1   0.1.0"]
    assert cli.json("version")["node"]["version"] == "0.1.0"
    cli.fake.close()
    assert cli.json("version")["node"] is None


def test_doctor_names_a_control_process_that_is_gone(scene):
    cli = Cli(scene)
    scene.run(cli.program, "doctor")
    cli.fake.close()
    process = scene.run(cli.program, "doctor", "--node", "1")
    assert process.code == 5, process.tail()
    assert process.out[0].startswith("wrong    control "), process.tail()
    assert "mend: sudo systemctl start ringroad-control@1\n" in "\n".join(process.out)
    answer = scene.run(cli.program, "doctor", "--node", "1", "-j").json()
    assert answer["findings"][0]["severity"] == "wrong" and answer["schema_version"] == 1


def test_man_pages_are_written_and_render_without_a_warning(scene):
    cli = Cli(scene)
    folder = scene.path("man1")
    cli.run("man", folder)
    pages = os.listdir(folder)
    assert "ringroad.1" in pages and "ringroad-link-show.1" in pages, pages
    for page in pages:
        rendered = subprocess.run(
            ["man", "--warnings", "-l", os.path.join(folder, page)], capture_output=True,
            text=True, timeout=30, check=False, env=dict(scene.environment, MANWIDTH="80"),
        )  # fmt: skip
        assert rendered.returncode == 0 and not rendered.stderr, f"{page}: {rendered.stderr}"
        assert "EXIT STATUS" in rendered.stdout, page


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
