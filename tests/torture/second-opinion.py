#!/usr/bin/env python3
"""Reads the cases of csv.cases with Python's csv module.

Prints the cases whose rows it reads otherwise than the case says, and as the
last line how many it has read. Rows that the case rejects are left out: only
Python has them.
"""
import csv
import io
import json
import re
import shlex
import sys

NAMED = {"semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|0[0-7]{0,3}|.)", re.S)
LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}


def unescape(text):
    """What printf's %b makes of it."""

    def one(match):
        code = match.group(1)
        if code[:1] == b"x":
            return bytes([int(code[1:], 16)])
        if code[:1] == b"0":
            return bytes([int(code[1:] or b"0", 8)])
        return LETTERS[code]

    return ESCAPE.sub(one, text)


def read_cases(path):
    cases = []
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    for line in lines:
        key, _, value = line.partition(b" ")
        if key == b"case":
            case = {"out": [], "args": b"", "in": b""}
            cases.append(case | {"title": value.decode()})
        elif cases and key == b"out":
            cases[-1]["out"].append(json.loads(value))
        elif cases and key in (b"args", b"in", b"fail", b"python"):
            cases[-1][key.decode()] = value
    return cases


def dialect(args):
    words = shlex.split(args.decode())
    options = {"delimiter": ",", "quotechar": '"', "strict": False}
    while words:
        word = words.pop(0)
        if word == "--no-header":
            continue
        value = words.pop(0)
        if word in ("-d", "--delimiter"):
            options["delimiter"] = NAMED.get(value, value)
        elif word == "--quote" and value == "none":
            options["quoting"] = csv.QUOTE_NONE
        elif word == "--quote":
            options["quotechar"] = value
        elif word == "--escape" and value != '"':
            options["escapechar"] = value
        elif (word, value) == ("-f", "tsv"):
            options["delimiter"] = "\t"
    return options


def is_text(row):
    cells = "".join(row)
    return "\0" not in cells and not re.search("[\ud800-\udfff]", cells)


def records(case):
    text = unescape(case["in"]).decode("utf-8", "surrogateescape")
    file = io.StringIO(text, newline="")
    rows = [row for row in csv.reader(file, **dialect(case["args"])) if row]
    names = rows[0] if rows else []
    return [
        dict(zip(names, row))
        for row in rows[1:]
        if len(row) == len(names) and is_text(row)
    ]


def main():
    read = 0
    for case in read_cases(sys.argv[1]):
        if "python" in case or "fail" in case:
            continue
        read += 1
        have = records(case)
        if have != case["out"]:
            print(f"{case['title']}: {have}")
    print(read)


main()
