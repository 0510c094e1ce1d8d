#!/usr/bin/env python3
"""Runs clang-tidy-19 over the sources of a build directory, several at a time.

Headers are seen through the sources that include them. DPDK's headers make each source take
seconds, so a run over everything takes minutes; --changed keeps to the sources that differ from the
commit before (or from --since), which is what a change has to answer for.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
CLANG_TIDY = "clang-tidy-19"


def sources(build_dir):
    """Repository paths of what the build directory compiles, generated files aside."""
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    paths = {os.path.relpath(os.path.realpath(os.path.join(e["directory"], e["file"])),
                             os.path.realpath(ROOT)) for e in entries}
    return sorted(p for p in paths if not p.startswith("..") and not p.startswith("build"))


def changed_since(commit):
    listing = subprocess.run(["git", "diff", "--name-only", commit], cwd=ROOT, check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    return set(listing.split())


def check(path, build_dir):
    started = time.monotonic()
    # GCC's build directories carry options that clang does not know.
    done = subprocess.run(
        [CLANG_TIDY, "-p", build_dir, "--quiet", "--extra-arg=-Wno-unknown-warning-option", path],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False)
    return done.returncode, done.stdout, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir")
    parser.add_argument("paths", nargs="*", help="folders or files to keep to")
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--since", default="HEAD~1", help="with --changed; default: HEAD~1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if not shutil.which(CLANG_TIDY):
        print(f"{CLANG_TIDY} is not installed: tools/setup --tests", file=sys.stderr)
        return 2

    build_dir = os.path.abspath(arguments.build_dir)
    todo = sources(build_dir)
    if arguments.paths:
        prefixes = tuple(os.path.normpath(p) for p in arguments.paths)
        todo = [p for p in todo if p in prefixes or p.startswith(tuple(x + "/" for x in prefixes))]
    if arguments.changed:
        changed = changed_since(arguments.since)
        todo = [p for p in todo if p in changed]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(check, path, build_dir): path for path in todo}
        for done, future in enumerate(concurrent.futures.as_completed(runs), 1):
            code, output, seconds = future.result()
            print(f"[{done}/{len(todo)}] {runs[future]} {seconds:.1f} s"
                  f"{'' if code == 0 else '  FAILED'}", flush=True)
            if code != 0:
                failed += 1
                print(output, flush=True)
    print(f"{len(todo) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
