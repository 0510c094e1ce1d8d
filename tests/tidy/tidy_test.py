#!/usr/bin/env python3
"""Plants one violation of each rule in a small tree and expects exactly that rule to find it.

A rule that finds nothing looks just like a clean tree; these cases tell them apart. Each plant also
has a near miss beside it: something that looks similar and is allowed.
"""
import os
import stat
import sys
import tempfile

import rules
import tap

OPENING = "// What this file is for,\n// who owns it,\n// and what it does not do.\n"

# Rule, path, text that breaks it, text at the same path that does not.
PLANTS = [
    (rules.include_directions, "dataplane/core/up.h",
     '#include "drivers/port.h"\n', '#include "dataplane/base/ids.h"\n'),
    (rules.include_directions, "dataplane/base/up.h",
     '#include "dataplane/core/link.h"\n', '#include "dataplane/base/ids.h"\n'),
    (rules.include_directions, "drivers/up.cc",
     '#include "dataplane/node.h"\n', '#include "dataplane/net/address.h"\n'),
    (rules.include_directions, "dataplane/node.cc",
     '#include "tools/gen.h"\n', '#include "drivers/port.h"\n'),
    (rules.include_directions, "control/rpc/serve.cc",
     '#include "drivers/port.h"\n', '#include "dataplane/host/layout.h"\n'),
    (rules.include_directions, "dataplane/net/thread.cc", "#include <thread>\n",
     "#include <span>\n"),
    (rules.include_directions, "dataplane/core/clock.cc", "#include <chrono>\n",
     "// #include <chrono>\n"),
    (rules.include_directions, "consensus/core/chance.cc", "#  include <random>\n",
     "#include <bit>\n"),
    (rules.include_directions, "control/core/wire.cc", "#include <sys/socket.h>\n",
     "#include <cstring>\n"),
    (rules.include_directions, "dataplane/core/port.cc", "#include <rte_mbuf.h>\n",
     "#include <emmintrin.h>\n"),
    (rules.include_directions, "dataplane/core/log.cc", "#include <spdlog/spdlog.h>\n",
     '#include "absl/strings/str_cat.h"\n'),
    (rules.include_directions, "dataplane/core/map.cc",
     '#include "absl/container/flat_hash_map.h"\n', '#include "absl/container/inlined_vector.h"\n'),
    (rules.include_directions, "drivers/memif/rings.cc", "#include <rte_ring.h>\n",
     "#include <sys/mman.h>\n"),
    (rules.includes_from_root, "dataplane/net/near.cc", '#include "near.h"\n',
     '#include "dataplane/net/near.h"\n'),
    (rules.file_openings, "dataplane/silent.cc", "#include <span>\n" * 26,
     "#include <span>\n" * 25),
    (rules.file_openings, "dataplane/terse.cc", "// Short.\n" + "int f();\n" * 61,
     OPENING + "int f();\n" * 61),
    (rules.file_openings, "drivers/terse.cc", "// Two\n// lines.\n" + "int f();\n" * 149,
     "// Two\n// lines.\n" + "int f();\n" * 148),
    (rules.file_openings, "tests/sim/harness.cc", "int f();\n" * 26, "// A wire.\n" * 26),
    (rules.file_openings, "tools/silent.py", "import os\n" * 26,
     '"""What it is for."""\n' + "import os\n" * 26),
    (rules.line_length, "dataplane/long.cc", OPENING + "// " + "x" * 98 + "\n",
     OPENING + "// " + "x" * 97 + "\n"),
    (rules.line_length, "tests/unit/text.cc",
     OPENING + 'f(R"(x)", "' + "x" * 99 + '");\n',
     OPENING + 'f(R"(' + "x" * 99 + "\n" + "x" * 99 + ')");\n'),
    (rules.whitespace, "dataplane/blank.cc", OPENING + "int a; \n", OPENING + "int a;\n"),
    (rules.whitespace, "dataplane/tab.cc", OPENING + "\tint a;\n", OPENING + "  int a;\n"),
    (rules.whitespace, "README.md", "# Name", "# Name\n"),
    (rules.chance, "drivers/dice.cc", "int a = rand();\n", 'int a = operand(); // rand()\n'),
    (rules.chance, "dataplane/dice.cc", "return random();\n", "Prng random(7);\n"),
    (rules.chance, "tools/dice.cc", "std::srand(1);\n", 'auto a = "srand(1)"; strand(1);\n'),
    (rules.chance, "tests/unit/dice.cc", "std::random_device device;\n", "Prng prng{1};\n"),
    (rules.clocks_in_cores, "dataplane/core/now.cc", "auto a = Clock::steady_clock::now();\n",
     "// steady_clock is the caller's\n"),
    (rules.clocks_in_cores, "dataplane/net/now.cc", "clock_gettime(CLOCK_MONOTONIC, &a);\n",
     "link.on_time(now);\n"),
    (rules.clocks_in_cores, "dataplane/kernels/now.cc", "auto a = __rdtsc();\n", "int tsc = 0;\n"),
    (rules.clocks_in_cores, "consensus/core/now.cc", "auto a = time(nullptr);\n",
     "auto a = message.time();\n"),
    (rules.hash_containers_in_cores, "dataplane/core/map.h", "absl::flat_hash_map<int, int> a;\n",
     "std::map<int, int> a;\n"),
    (rules.hash_containers_in_cores, "control/core/map.h", "std::unordered_map<int, int> a;\n",
     "std::vector<int> a;\n"),
    (rules.allocation_in_loops, "drivers/memif/rings.cc", "auto* a = new int[3];\n",
     "auto* a = new int[3];  // at start\n"),
    (rules.allocation_in_loops, "dataplane/kernels/pack.cc", "a.push_back(1);\n",
     "new (&storage) Slot();\n"),
    (rules.sleeps_in_tests, "tests/unit/slow.cc", "usleep(1000);\n",
     "// usleep(1000);\n"),
    (rules.sleeps_in_tests, "tests/e2e/slow.py", "time.sleep(1)\n",
     "while not ready() and time.monotonic() < deadline:\n    time.sleep(0.01)\n"),
    (rules.sleeps_in_tests, "tests/e2e/slow.sh", "sleep 1\n", "wait_for ready\n"),
    (rules.unfinished, "dataplane/later.cc", "// TO" "DO: the rest\n",
     "// A list of to-do items.\n"),
    (rules.unfinished, "tools/later.py", "# FIX" "ME\n", "# prefix me\n"),
    (rules.paths_of_one_machine, "perf/run.py", "log = '/ro" "ot/figures'\n",
     "log = '/run/ringroad'\n"),
    (rules.top_level, "scripts/extra.sh", "x\n", None),
    (rules.links_in_pages, "README.md", "see [it](tools/none.md)\n",
     "see [it](https://example.org/none) and [this](README.md#part)\n"),
]


def found(rule, path, text, mode=0o644):
    """What `rule` says of a tree of one file, and of its harmless company."""
    with tempfile.TemporaryDirectory() as root:
        files = {"dataplane/net/near.h": OPENING, path: text}
        for name, body in files.items():
            full = os.path.join(root, name)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(body)
            os.chmod(full, mode)
        return list(rule(rules.Tree(root)))


def main():
    report = tap.Tap()
    for rule, path, bad, good in PLANTS:
        problems = []
        complaints = found(rule, path, bad)
        if len(complaints) != 1 or not complaints[0].startswith(path.split("/")[0]):
            problems.append(f"planted {bad!r} in {path}, found {complaints}")
        if good is not None:
            complaints = found(rule, path, good)
            if complaints:
                problems.append(f"{good!r} in {path} is allowed, found {complaints}")
        report.case(f"{rule.__name__} finds what is planted in {path}", problems)

    script = "#!/bin/sh\n# Prints its name.\necho $0\n"
    runnable = found(rules.scripts_run, "tools/name", script, stat.S_IRWXU)
    stuck = found(rules.scripts_run, "tools/name", script)
    report.case("scripts_run finds a script that cannot be executed",
                [] if len(stuck) == 1 and not runnable else [f"{stuck} {runnable}"])
    planted = {rule for rule, *_ in PLANTS} | {rules.scripts_run}
    report.case("every rule has a planted violation",
                [rule.__name__ for rule in rules.RULES if rule not in planted])
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
