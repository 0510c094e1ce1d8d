#!/usr/bin/env python3
"""Checks the repository against tests/tidy/rules.py: one TAP case a rule.

usage: tests/tidy/tidy.py [ROOT]
"""
import os
import sys

import rules
import tap

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    tree = rules.Tree(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", ".."))
    report = tap.Tap()
    for rule in rules.RULES:
        report.case(rule.__doc__.splitlines()[0].rstrip("."), rule(tree))
    sys.exit(report.finish())
