#!/usr/bin/env python3
"""Runs the suites of a build directory one after the other and counts test cases.

meson counts executables; people count cases. So each suite is run by `meson test` with a log of its
own, and the cases are read from the JUnit file meson writes. A program that crashed or ran out of
time leaves no cases behind, or only those that passed: it counts as one failure of its own.

Suites whose tests busy-poll in several processes run one test at a time. The last line printed is
`N passed, N failed[, N skipped]`. Used by tools/test, which builds first.
"""
import argparse
import dataclasses
import glob
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ORDER = ["tidy", "unit", "scenarios", "sim", "model", "fuzz", "pmd", "e2e"]
ONE_AT_A_TIME = {"pmd", "e2e"}
BAD = {"FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"}


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def count_case(case, count):
    """Adds one JUnit <testcase>."""
    if case.get("status") == "notrun":  # a DISABLED_ test of GoogleTest
        return
    if case.find("failure") is not None or case.find("error") is not None:
        count.failed += 1
    elif case.find("skipped") is not None or case.get("result") == "skipped":
        count.skipped += 1
    else:
        count.passed += 1


def count_log(json_path, junit_path):
    """The cases of one `meson test` run and the names of the tests that failed."""
    with open(json_path, encoding="utf-8") as lines:
        runs = [json.loads(line) for line in lines if line.strip()]
    cases = {run["name"]: Count() for run in runs}
    whole = set()  # tests that meson could only record as a whole
    if os.path.exists(junit_path):
        for suite in ElementTree.parse(junit_path).getroot().iter("testsuite"):
            # "<project>.<test>[.<suite>]", or "<project>" with one case a test.
            name = suite.get("name", "")
            tests = [t for t in cases if f".{t}." in name + "."]
            owner = max(tests, key=len, default=None)
            for case in suite.iter("testcase"):
                if owner is not None:
                    count_case(case, cases[owner])
                elif case.get("name") in cases:
                    whole.add(case.get("name"))
    total = Count()
    failed = []
    for run in runs:
        count = cases[run["name"]]
        bad = run["result"] in BAD
        if run["name"] in whole or count == Count():
            skipped = run["result"] == "SKIP"
            count = Count(not bad and not skipped, bad, skipped)
        elif bad and count.failed == 0:
            count.failed = 1
        if bad:
            failed.append(f"{run['name']} ({run['result'].lower()})")
        total.add(count)
    return total, failed


def suites_of(test):
    """meson says "project:suite"."""
    return [suite.split(":")[-1] for suite in test["suite"]]


def run_suite(build_dir, suite, selection, arguments):
    """One `meson test` of `selection`, reported under the suite's name."""
    base = f"testlog-{suite}"
    logs = os.path.join(build_dir, "meson-logs")
    paths = [os.path.join(logs, base + end) for end in (".json", ".junit.xml")]
    # What an earlier run left would be taken for this one's, were a program to crash now.
    for stale in paths + glob.glob(os.path.join(build_dir, "*.xml")):
        if os.path.exists(stale):
            os.remove(stale)
    jobs = 1 if suite in ONE_AT_A_TIME else arguments.jobs
    command = ["meson", "test", "-C", build_dir, "--no-rebuild", "--logbase", base,
               "--print-errorlogs", "--num-processes", str(jobs),
               "--timeout-multiplier", str(arguments.timeout_multiplier)] + selection
    started = time.monotonic()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if not os.path.exists(paths[0]):
        count, failed = Count(failed=1), [f"meson test --suite {suite} (no log, exit code {code})"]
    else:
        count, failed = count_log(*paths)
        if code != 0 and not failed:
            count.failed += 1
            failed.append(f"meson test --suite {suite} (exit code {code})")
    print(f"suite {suite}: {count} in {time.monotonic() - started:.1f} s\n", flush=True)
    return count, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir")
    parser.add_argument("suites", nargs="*", help="or tests by name; default: all suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout-multiplier", type=int, default=1)
    arguments = parser.parse_args()

    listing = subprocess.run(["meson", "introspect", "--tests", arguments.build_dir],
                             stdout=subprocess.PIPE, check=True).stdout
    tests = json.loads(listing)
    # A test's first suite is its home; further ones are labels that can be asked for by name.
    homes = {suites_of(test)[0] for test in tests}
    known = homes.union(*(suites_of(test) for test in tests))
    names = {test["name"] for test in tests}
    wanted = arguments.suites or [s for s in ORDER if s in homes] + sorted(homes - set(ORDER))
    unknown = [word for word in wanted if word not in known and word not in names]
    if unknown:
        print(f"no suite or test is named {', '.join(unknown)}; suites: {' '.join(sorted(known))}",
              file=sys.stderr)
        return 2
    runs = [(suite, ["--suite", suite]) for suite in wanted if suite in known]
    single = [name for name in wanted if name not in known]
    if single:
        runs.append(("named", single))

    total = Count()
    failed = []
    for number, (suite, selection) in enumerate(runs, 1):
        print(f"suite {suite} ({number} of {len(runs)})", flush=True)
        count, bad = run_suite(arguments.build_dir, suite, selection, arguments)
        total.add(count)
        failed += bad
    for name in failed:
        print(f"failed: {name}")
    print(total)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
