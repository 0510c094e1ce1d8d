#!/usr/bin/env python3
"""scenario_runner as a program: exit codes, what it says of failures and crashes, rewriting."""
import contextlib
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tidy"))
import tap  # pylint: disable=wrong-import-position

RUNNER = os.path.abspath(sys.argv[1])
PASSING = "add-nodes 1 voters=(1) index=2\n----\nok\n\nraft-log 1\n----\n" \
          "log is empty: first index=3, last index=2\n"


class Folder:
    """A folder of scenario files, in which the runner is started."""

    def __init__(self, path):
        self.path = path

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()

    def run(self, *arguments):
        done = subprocess.run([RUNNER, *arguments], cwd=self.path, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout


@contextlib.contextmanager
def scene():
    with tempfile.TemporaryDirectory() as path:
        yield Folder(path)


def expect(condition, what):
    assert condition, what


def test_a_passing_file_is_success_and_counted():
    """A passing file is success and counted."""
    with scene() as folder:
        folder.write("a.txt", PASSING)
        code, text = folder.run("a.txt")
        expect((code, text) == (0, "1 passed, 0 failed\n"), (code, text))


def test_a_failing_file_is_named_with_its_line_and_the_others_still_run():
    """A failing file is named with its line and the others still run."""
    with scene() as folder:
        folder.write("a.txt", PASSING.replace("index=3", "index=4"))
        folder.write("b.txt", PASSING)
        code, text = folder.run("a.txt", "b.txt")
        expect(code == 1 and text.startswith("a.txt:5: raft-log did not go as expected\n"), text)
        expect(text.endswith("\n1 passed, 1 failed\n"), text)


def test_a_folder_stands_for_the_text_files_below_it():
    """A folder stands for the text files below it."""
    with scene() as folder:
        os.mkdir(os.path.join(folder.path, "deep"))
        folder.write("deep/a.txt", PASSING)
        folder.write("deep/b.md", "no scenario")
        code, text = folder.run(".")
        expect((code, text) == (0, "1 passed, 0 failed\n"), (code, text))


def test_a_file_that_never_ends_fails_alone_with_the_line_it_was_at():
    """A file that never ends fails alone with the line it was at."""
    with scene() as folder:
        folder.write("a.txt", "add-nodes 1 voters=(1) index=2\n----\nok\n\n"
                             "tick 1 1000000000000\n----\nok\n")
        folder.write("b.txt", PASSING)
        code, text = folder.run("--seconds", "1", "a.txt", "b.txt")
        expect(code == 1, code)
        expect(text.startswith("a.txt:5: ended by signal 14 (it took too long)"), text)
        expect(text.endswith("\n1 passed, 1 failed\n"), text)


def test_as_test_cases_each_file_is_one():
    """As test cases each file is one."""
    with scene() as folder:
        folder.write("a.txt", PASSING)
        folder.write("b.txt", "levitate\n----\nok\n")
        code, text = folder.run("--tap", "a.txt", "b.txt")
        expect(code == 1, code)
        expect("ok - a.txt\n" in text and "not ok - b.txt\n" in text and "1..2\n" in text, text)


def test_wrong_usage_is_said_and_runs_nothing():
    """Wrong usage is said and runs nothing."""
    with scene() as folder:
        folder.write("a.txt", PASSING)
        for arguments in ([], ["--compare", "a.txt"], ["--compare=some", "a.txt"],
                          ["--sometimes"], ["missing.txt"], ["--seconds=0", "a.txt"]):
            code, text = folder.run(*arguments)
            expect(code == 2 and "usage: scenario_runner" in text, (arguments, code, text))


def test_modes_are_taken_in_either_form():
    """Modes are taken in either form."""
    with scene() as folder:
        folder.write("a.txt", PASSING)
        for arguments in (["--compare=outcome"], ["--compare", "messages"], ["--compare", "all"]):
            code, text = folder.run(*arguments, "a.txt")
            expect(code == 0, (arguments, text))


def test_rewriting_replaces_what_is_wrong_and_nothing_else():
    """Rewriting replaces what is wrong and nothing else."""
    with scene() as folder:
        wrong = "# Why.\n\n" + PASSING.replace("index=3", "index=4") + "\n# The end.\n"
        folder.write("a.txt", wrong)
        code, text = folder.run("--rewrite", "a.txt")
        expect((code, text) == (0, "a.txt: rewritten\n1 passed, 0 failed\n"), (code, text))
        expect(folder.read("a.txt") == wrong.replace("index=4", "index=3"), folder.read("a.txt"))
        expect(os.listdir(folder.path) == ["a.txt"], os.listdir(folder.path))


def test_rewriting_leaves_a_file_that_is_right_or_cannot_run():
    """Rewriting leaves a file that is right or cannot run."""
    with scene() as folder:
        right = folder.write("a.txt", PASSING)
        broken = "levitate\n----\nok\n"
        folder.write("b.txt", broken)
        before = os.stat(right)
        code, _ = folder.run("--rewrite", "a.txt", "b.txt")
        after = os.stat(right)
        expect(code == 1, code)
        expect((before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), "touched")
        expect(folder.read("b.txt") == broken, folder.read("b.txt"))


if __name__ == "__main__":
    sys.exit(tap.run_functions(dict(globals())))
