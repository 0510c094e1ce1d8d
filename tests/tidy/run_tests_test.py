#!/usr/bin/env python3
"""The counting of test cases: from the logs that meson writes to "N passed, N failed".

The logs here are cut down from real ones: GoogleTest's XML as meson merges it, TAP, plain exit
codes, and programs that died before they could say anything.
"""
import json
import os
import sys
import tempfile

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
import run_tests  # pylint: disable=wrong-import-position


def counted(runs, junit):
    """Counts a log of `runs` (name, result) beside a JUnit body."""
    with tempfile.TemporaryDirectory() as folder:
        json_path = os.path.join(folder, "log.json")
        with open(json_path, "w", encoding="utf-8") as file:
            for name, result in runs:
                file.write(json.dumps({"name": name, "result": result}) + "\n")
        junit_path = os.path.join(folder, "log.junit.xml")
        with open(junit_path, "w", encoding="utf-8") as file:
            file.write(f"<testsuites>{junit}</testsuites>")
        total, failed = run_tests.count_log(json_path, junit_path)
        return str(total), failed


GTEST = """<testsuite name="ringroad.ringroad:unit / link.Order">
  <testcase name="one" status="run"/>
  <testcase name="two" status="run"><failure message="x"/></testcase>
  <testcase name="three" status="run"><skipped/></testcase>
  <testcase name="off" status="notrun"/></testsuite>
<testsuite name="ringroad.ringroad:unit / link.Loss"><testcase name="four" status="run"/>
</testsuite>"""


def test_googletest_cases():
    """GoogleTest's cases are counted one by one, disabled ones not at all."""
    assert counted([("ringroad:unit / link", "FAIL")], GTEST) == (
        "2 passed, 1 failed, 1 skipped", ["ringroad:unit / link (fail)"])


def test_prefix_of_another_name():
    """A test whose name begins like another's keeps its own cases."""
    junit = '<testsuite name="ringroad.u / arp.A"><testcase name="a"/></testsuite>' \
            '<testsuite name="ringroad.u / arp.cache.A"><testcase name="b"/></testsuite>'
    assert counted([("u / arp", "OK"), ("u / arp.cache", "OK")], junit)[0] == "2 passed, 0 failed"


def test_crash_without_cases():
    """A program that died without a word is one failure, though meson's record looks passed."""
    junit = '<testsuite name="ringroad"><testcase name="u / frame"/></testsuite>'
    for result in ("FAIL", "TIMEOUT", "ERROR"):
        total, failed = counted([("u / frame", result)], junit)
        assert total == "0 passed, 1 failed", total
        assert failed == [f"u / frame ({result.lower()})"]


def test_crash_after_cases():
    """A program that failed as a whole though its cases passed adds one failure."""
    junit = '<testsuite name="ringroad.u / arp.A"><testcase name="a"/></testsuite>'
    assert counted([("u / arp", "ERROR")], junit)[0] == "1 passed, 1 failed"


def test_exit_codes():
    """A test that only has an exit code is one case; 77 skips it."""
    junit = '<testsuite name="ringroad"><testcase name="u / a"/>' \
            '<testcase name="u / b"/></testsuite>'
    assert counted([("u / a", "OK"), ("u / b", "SKIP")], junit)[0] == (
        "1 passed, 0 failed, 1 skipped")


def test_tap_cases():
    """The cases of a TAP test are counted one by one."""
    junit = '<testsuite name="ringroad.tidy / rules"><testcase name="a"/>' \
            '<testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase>' \
            '</testsuite>'
    assert counted([("tidy / rules", "FAIL")], junit)[0] == "1 passed, 1 failed, 1 skipped"


if __name__ == "__main__":
    sys.exit(tap.run_functions(dict(globals())))
