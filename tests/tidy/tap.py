"""The Test Anything Protocol for tests written in Python.

One line a case on stdout; what is wrong goes to stderr, which meson shows when a test fails.
"""
import sys
import traceback


class Tap:
    """Prints cases as they are known; `finish` gives the exit code."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def case(self, name, problems=()):
        """Reports one case, which passes when there are no problems (lines of text)."""
        self.count += 1
        problems = [str(problem) for problem in problems]
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for problem in problems:
            for line in problem.splitlines():
                print(f"  {line}", file=sys.stderr)
        sys.stdout.flush()

    def finish(self):
        print(f"1..{self.count}")
        return 1 if self.failed or not self.count else 0


def run_functions(namespace):
    """Runs every function named test_* of a module; its docstring is the case's sentence."""
    tap = Tap()
    for name, function in list(namespace.items()):
        if not name.startswith("test_") or not callable(function):
            continue
        sentence = (function.__doc__ or name).splitlines()[0].rstrip(".")
        try:
            function()
            tap.case(sentence)
        except Exception:  # pylint: disable=broad-except  # a failing case must not end the others
            tap.case(sentence, traceback.format_exc().splitlines())
    return tap.finish()
