"""The rules of the tree that no compiler checks, one function each.

A rule takes a Tree and yields problems as "path:line: what is wrong". What a rule cannot know
(whether a comment is true, whether a name is good) is left to readers. Rules look at text, not at a
syntax tree: comments and string literals are blanked first where code is meant.
"""
import os
import re
import subprocess

import layers

TOP_LEVEL = {
    "meson.build", "meson_options.txt", "dataplane", "consensus", "control", "drivers", "tools",
    "hugepages", "tests", "perf", "README.md", "LICENSE", "CHANGELOG.md",
}
PROJECT_TOPS = {"dataplane", "consensus", "control", "drivers", "tools", "hugepages", "tests",
                "perf"}
LINE_LENGTH_MAX = 100
TRIVIAL_LINES = 25  # up to which a file explains itself
OPENINGS = [(150, 3), (60, 2)]  # longer than, lines its opening has at least; outside tests
SOURCE = (".h", ".cc", ".c")
TEXT = SOURCE + (".py", ".sh", ".md", ".build", ".txt", ".json", ".lua", ".yml", ".options")

# The files that an lcore runs through on every pass. They allocate nothing, except on lines that
# say "// at start".
LOOP_FILES = [
    "dataplane/kernels/*", "dataplane/core/frame_codec.*", "dataplane/core/bit_ring.h",
    "dataplane/base/copy_bytes.h", "dataplane/net/headers.h", "dataplane/net/checksum.h",
    "dataplane/net/packet_writer.h", "dataplane/host/spsc_queue.h", "dataplane/node_loop.cc",
    "drivers/memif/rings.*",
]


class Tree:
    """The files of a repository: those git knows or would add, or all when there is no git."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.paths = sorted(p for p in self._list() if os.path.isfile(os.path.join(self.root, p)))
        self._texts = {}

    def _list(self):
        if os.path.exists(os.path.join(self.root, ".git")):
            listing = subprocess.run(
                ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"], cwd=self.root, stdout=subprocess.PIPE, check=True).stdout
            return [p for p in listing.decode().split("\0") if p]
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [d for d in folders if not d.startswith("build") and d != "__pycache__"]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return found

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), "rb") as file:
                self._texts[path] = file.read().decode("utf-8", errors="replace")
        return self._texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def is_script(self, path):
        return self.text(path).startswith("#!")

    def sources(self):
        return [p for p in self.paths if p.endswith(SOURCE)]

    def written(self):
        """All that people wrote: sources, scripts, pages, build files."""
        return [p for p in self.paths
                if p.endswith(TEXT) or p == "LICENSE" or self.is_script(p)]

    def code_lines(self, path):
        """Lines with comments and literals blanked, numbered from 1."""
        return enumerate(strip_code(self.text(path)).split("\n"), 1)


def strip_code(text):
    """Blanks C++ comments, strings and character literals; keeps the lines."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'", re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def find_code(tree, paths, pattern, message):
    expression = re.compile(pattern)
    for path in paths:
        for number, line in tree.code_lines(path):
            match = expression.search(line)
            if match:
                yield f"{path}:{number}: {match.group().strip()}: {message}"


def matches_glob(path, pattern):
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]*"), path) is not None


def include_directions(tree):
    """Includes keep to the layers."""
    include = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
    for path in tree.sources():
        for number, line in enumerate(tree.lines(path), 1):
            match = include.match(line)
            if not match:
                continue
            problem = layers.include_problem(path, match.group(1), PROJECT_TOPS)
            if problem:
                yield f"{path}:{number}: {problem}"


# Programs find these side by side wherever they are installed.
INSTALLED = ("dataplane/client/dist_net.h", "dataplane/client/dist_registry.h")


def includes_from_root(tree):
    """Project headers are included by their path from the root; in tests, neighbours by name."""
    include = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
    known = set(tree.paths)
    for path in tree.sources():
        if path.startswith("tests/") or path in INSTALLED:
            continue
        folder = os.path.dirname(path)
        for number, line in enumerate(tree.lines(path), 1):
            match = include.match(line)
            if match and match.group(1) not in known and (
                    match.group(1).startswith(".") or f"{folder}/{match.group(1)}" in known):
                yield f'{path}:{number}: "{match.group(1)}" is not a path from the root'


def file_openings(tree):
    """Files open with what they are for."""
    known = set(tree.paths)
    for path in tree.written():
        if not (path.endswith(SOURCE + (".py", ".sh")) or tree.is_script(path)):
            continue
        opening = opening_comment(tree.lines(path))
        length = len(tree.lines(path))
        header = re.sub(r"\.cc?$", ".h", path)
        if header != path and header in known and opening_comment(tree.lines(header)):
            continue  # the header speaks for both
        if not opening:
            # A test's cases are sentences of their own.
            if length > TRIVIAL_LINES and not path.endswith("_test.cc"):
                yield f"{path}:1: opens without a comment on what it is for"
        else:
            least = next((n for longer, n in OPENINGS if length > longer), 1)
            if len(opening) < least and not path.startswith("tests/"):
                yield (f"{path}:1: {length} lines, {len(opening)} of opening comment "
                       f"(at least {least})")


def opening_comment(lines):
    """The lines of text in a file's first comment, or docstring."""
    rest = list(lines)
    if rest and rest[0].startswith("#!"):
        rest = rest[1:]
    if not rest:
        return []
    for opener, closer in (('"""', '"""'), ("/*", "*/")):
        if rest[0].startswith(opener):
            body = []
            for index, line in enumerate(rest):
                body.append(line)
                if closer in (line[len(opener):] if index == 0 else line):
                    break
            return [line for line in body if line.strip(' */"')]
    marker = "#" if rest[0].startswith("#") and not rest[0].startswith("#include") else "//"
    opening = []
    for line in rest:
        if not line.startswith(marker) or line.startswith("#pragma"):
            break
        if line.strip("/# -"):
            opening.append(line)
    return opening


def line_length(tree):
    """No line of code is longer than 100 columns; what raw strings hold is not code."""
    raw = re.compile(r'(?<=R")([^(\s"]*)\(.*?\)\1(?=")', re.S)
    for path in tree.written():
        if path.endswith((".md", ".json", ".txt")) or path == "LICENSE":
            continue
        text = tree.text(path)
        if path.endswith(SOURCE):
            text = raw.sub(lambda match: "\n" * match.group().count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > LINE_LENGTH_MAX:
                yield f"{path}:{number}: {len(line)} columns (at most {LINE_LENGTH_MAX})"


def whitespace(tree):
    """No trailing blanks, no tabs in code, a newline at the end of each file."""
    for path in tree.written():
        text = tree.text(path)
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at the end"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield f"{path}:{number}: trailing whitespace"
            elif "\t" in line and path.endswith(SOURCE + (".py", ".build")):
                yield f"{path}:{number}: a tab"


def chance(tree):
    """Chance comes from the seeded generator (dataplane/base/prng.h) only."""
    yield from find_code(
        tree, tree.sources(),
        r"(?<![\w.>:])(?:std::|::)?(?:s?rand|srandom|[dlm]rand48)\s*\("
        r"|(?<![\w.>:])random\s*\(\s*\)|std::random_device",
        "use ringroad::Prng with a seed that is handed in")


def clocks_in_cores(tree):
    """Cores are given the time; they read no clock."""
    cores = [p for p in tree.sources()
             if layers.folder_of(p, layers.PURE + ["dataplane/kernels"])]
    yield from find_code(
        tree, cores,
        r"\b(?:clock_gettime|gettimeofday|timespec_get|steady_clock|system_clock"
        r"|high_resolution_clock|__?rdtscp?|rte_rdtsc\w*|rte_get_\w*cycles|absl::Now)\b"
        r"|(?<![\w.>])(?:std::)?(?:time|clock)\s*\(\s*(?:NULL|nullptr|0|&\w+)?\s*\)",
        "time is an argument here")


def hash_containers_in_cores(tree):
    """Cores use no container whose order changes from run to run."""
    cores = [p for p in tree.sources() if layers.folder_of(p, layers.PURE)]
    yield from find_code(tree, cores, r"absl::(?:flat|node)_hash_\w+|std::unordered_\w+",
                         "its order differs from run to run")


def allocation_in_loops(tree):
    """Files an lcore runs through allocate only on lines that say "at start"."""
    files = [p for p in tree.sources() if any(matches_glob(p, g) for g in LOOP_FILES)]
    for problem in find_code(
            tree, files,
            r"(?<!operator )\bnew\b(?!\s*\()|\b(?:malloc|calloc|realloc|strdup)\s*\("
            r"|\bmake_(?:unique|shared)\b|\.(?:push_back|emplace_back|resize|reserve)\s*\("
            r"|\bstd::(?:to_string|function)\b|\bStrCat\b",
            "no allocation in a loop's file (or say // at start)"):
        path, number = problem.split(":", 2)[:2]
        if "// at start" not in tree.lines(path)[int(number) - 1]:
            yield problem


def sleeps_in_tests(tree):
    """Tests wait for conditions: a pause stands only in a loop that has a deadline."""
    sleep = re.compile(r"\bsleep_for\b|\bsleep_until\b|\b(?:u|nano|clock_nano)sleep\s*\("
                       r"|(?<![\w.])sleep\s*\(|\btime\.sleep\s*\(|^\s*sleep\s+[\d.$]")
    for path in tree.paths:
        if not path.startswith("tests/") or path.startswith("tests/tidy/"):
            continue
        if not (path.endswith(SOURCE + (".py", ".sh")) or tree.is_script(path)):
            continue
        lines = tree.lines(path)
        for number, line in enumerate(lines, 1):
            code = strip_code(line) if path.endswith(SOURCE) else line
            if sleep.search(code) and "deadline" not in " ".join(lines[max(0, number - 10):number]):
                yield f"{path}:{number}: {line.strip()}: wait for the condition instead"


def unfinished(tree):
    """No marks of unfinished work."""
    marks = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|for n" r"ow\b(?=.*implement)"
                       r"|not implem" r"ented|place" r"holder")
    for path in tree.written():
        for number, line in enumerate(tree.lines(path), 1):
            match = marks.search(line)
            if match:
                yield f"{path}:{number}: {match.group()}"


def paths_of_one_machine(tree):
    """No path that exists on one machine only."""
    private = re.compile(r"(?:^|[\s\"'`=(:,])(/(?:wo" r"rk|ro" r"ot|ho" r"me)/[\w.-]+)")
    for path in tree.written():
        for number, line in enumerate(tree.lines(path), 1):
            match = private.search(line)
            if match:
                yield f"{path}:{number}: {match.group(1)}"


def top_level(tree):
    """The top level holds what was agreed and nothing else."""
    for entry in sorted({path.split("/", 1)[0] for path in tree.paths}):
        if not entry.startswith(".") and entry not in TOP_LEVEL:
            yield f"{entry}: has no place at the top level"


def links_in_pages(tree):
    """Links in pages lead somewhere."""
    link = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
    for path in tree.paths:
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            for target in link.findall(line):
                if re.match(r"\w+:", target):
                    continue
                full = os.path.normpath(os.path.join(tree.root, os.path.dirname(path), target))
                if not os.path.exists(full):
                    yield f"{path}:{number}: {target} does not exist"


def scripts_run(tree):
    """Scripts with an interpreter line are executable."""
    for path in tree.paths:
        if tree.is_script(path) and not os.access(os.path.join(tree.root, path), os.X_OK):
            yield f"{path}: starts with #! and is not executable"


RULES = [include_directions, includes_from_root, file_openings, line_length, whitespace, chance,
         clocks_in_cores, hash_containers_in_cores, allocation_in_loops, sleeps_in_tests,
         unfinished, paths_of_one_machine, top_level, links_in_pages, scripts_run]
