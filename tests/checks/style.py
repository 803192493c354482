#!/usr/bin/env python3
"""style.py SOURCE-FOLDER: what clang-format does not see.

C, Python, shell, completions: no line over 100 columns (scripts: 120; a tab
goes to the next multiple of 8), none with a blank at its end, a line feed at
the end of the file. Of the program itself (cmd/, src/, include/): files of at most 600 lines,
functions of at most 60.
"""
import pathlib
import re
import sys

COLUMNS = 100
SCRIPT_COLUMNS = 120
FILE_LINES = 600
FUNCTION_LINES = 60

SUFFIXES = (".c", ".h", ".py", ".sh", ".bash", ".fish")
SCRIPTS = ("scripts/", ".ci/", "completions/", "tests/dialogue/run", "tests/peers/run", "tests/callers/run")
PROGRAM = ("cmd", "src", "include")
SKIPPED = re.compile(r"(build|\.git$|\.pytest|__pycache__)")

NAME = re.compile(r"([A-Za-z_]\w*)\(")


def sources(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if SKIPPED.match(parts[0]) or "__pycache__" in parts or not path.is_file():
            continue
        name = "/".join(parts)
        if path.suffix in SUFFIXES or name.startswith(SCRIPTS):
            yield path, name, parts[0] in PROGRAM


def long_functions(lines):
    """(line, name, length) of each function over the limit. Its body begins
    and ends with a brace in the first column; its name stands before."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin + 1 > FUNCTION_LINES:
                head = " ".join(lines[max(0, begin - 5) : begin - 1])
                names = NAME.findall(head)
                yield begin, names[-1] if names else "?", number - begin + 1
            begin = None


def faults(path, program):
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    if text and lines.pop() != "":
        yield len(lines) + 1, "no line feed at the end of the file"
    most = COLUMNS if path.suffix in (".c", ".h") else SCRIPT_COLUMNS
    for number, line in enumerate(lines, 1):
        width = len(line.expandtabs(8))
        if width > most:
            yield number, f"{width} columns"
        if line != line.rstrip():
            yield number, "a blank at the end"
    if program and len(lines) > FILE_LINES:
        yield len(lines), f"{len(lines)} lines in this file"
    if program and path.suffix == ".c":
        for number, name, length in long_functions(lines):
            yield number, f"{name}() has {length} lines"


def main():
    root = pathlib.Path(sys.argv[1])
    files = wrong = 0
    for path, name, program in sources(root):
        files += 1
        for number, fault in faults(path, program):
            print(f"{name}:{number}: {fault}")
            wrong += 1
    print(f"{files} files, {wrong} faults")
    return 1 if wrong or files == 0 else 0


sys.exit(main())
