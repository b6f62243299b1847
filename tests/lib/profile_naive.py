#!/usr/bin/env python3
"""profile_naive: holds a profile against what the records say.

    profile_naive.py RECORDS PROFILE    compares; exits 1 with what differs
    profile_naive.py --make SEED N      writes N records of all kinds

Everything is kept and counted in the plainest way. What the profile says is
exact has to be equal; what it says is near has to be within the error that it
states (distinct: five standard errors)."""
import collections
import json
import math
import random
import re
import sys
from decimal import Decimal, getcontext

getcontext().prec = 400


class Number(str):
    """A number with its spelling."""


def pairs(items):
    return ("object", list(dict(items).items()))


def load(line):
    return json.loads(line, parse_int=Number, parse_float=Number,
                      object_pairs_hook=pairs)


def step(path, key):
    if key == "" or re.search(r'[.\[\]"\\/\x00-\x20]', key):
        return path + "[" + json.dumps(key, ensure_ascii=False) + "]"
    return path + ("." if path else "") + key


def kind(v):
    if isinstance(v, Number):
        return "integer" if re.fullmatch(r"-?\d+", v) else "decimal"
    if isinstance(v, tuple):
        return "object"
    return {str: "string", list: "array", bool: "true" if v else "false",
            type(None): "null"}[type(v)]


def walk(v, path, out):
    if isinstance(v, tuple):
        for key, value in v[1]:
            at = step(path, key)
            out[at].append(value)
            walk(value, at, out)
    elif isinstance(v, list):
        for value in v:
            out[path + "[]"].append(value)
            walk(value, path + "[]", out)


def key_of(v):
    return Decimal(v).normalize() + 0 if isinstance(v, Number) else v


def quantile(numbers, p):
    return numbers[max(1, math.ceil(p * len(numbers))) - 1]


class Check:
    def __init__(self):
        self.bad = []

    def same(self, what, have, want):
        if have != want:
            self.bad.append(f"{what}: {have!r}, wanted {want!r}")

    def near(self, what, have, want, error, floor=1e-9):
        if abs(have - want) > abs(want) * error + floor:
            self.bad.append(f"{what}: {have!r}, wanted {want!r} +- {error:.2%}")


def check_numbers(c, at, f, numbers):
    n = f["numbers"]
    c.same(at + " count", n["count"], len(numbers))
    c.same(at + " integers", n["integers"],
           sum(kind(x) == "integer" for x in numbers))
    exact = sorted(Decimal(x) for x in numbers)
    total = sum(exact)
    c.same(at + " min", Decimal(n["min"]), exact[0])
    c.same(at + " max", Decimal(n["max"]), exact[-1])
    c.same(at + " sum", Decimal(n["sum"]), total)
    c.near(at + " mean", float(Decimal(n["mean"])), float(total / len(exact)),
           1e-9, 1e-6)
    floats = [float(x) for x in exact]
    mean = math.fsum(floats) / len(floats)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in floats) / len(floats))
    c.near(at + " stddev", float(Decimal(n["stddev"])), deviation, 1e-6, 1e-6)
    error = float(Decimal(n["quantile_error"]))
    for name, p in (("p1", .01), ("p5", .05), ("p25", .25), ("p50", .5),
                    ("p75", .75), ("p95", .95), ("p99", .99)):
        c.near(f"{at} {name}", float(Decimal(n["quantiles"][name])),
               quantile(floats, p), error)
    c.same(at + " bins", sum(int(x) for x in n["bins"]), len(numbers))
    if error == 0:
        edges = [float(Decimal(x)) for x in n["edges"]]
        want = [0] * (len(edges) + 1)
        for x in floats:
            want[next((i for i, edge in enumerate(edges) if x <= edge),
                      len(edges))] += 1
        c.same(at + " bins", [int(x) for x in n["bins"]], want)


def shape(s):
    s = s[:256]
    classes = "".join("A" if "A" <= ch <= "Z" else "a" if "a" <= ch <= "z" else
                      "9" if "0" <= ch <= "9" else "u" if ord(ch) > 127 else
                      "c" if ord(ch) < 32 or ord(ch) == 127 else ch for ch in s)
    return classes if len(s) <= 32 and s.isascii() else None


def check_strings(c, at, f, strings):
    s = f["strings"]
    c.same(at + " count", s["count"], len(strings))
    by_bytes = sorted(strings, key=lambda x: x.encode("utf-8", "surrogatepass"))
    if len(by_bytes[0]) < 60:
        c.same(at + " first", s["min"], by_bytes[0])
    if len(by_bytes[-1]) < 60:
        c.same(at + " last", s["max"], by_bytes[-1])
    lengths = [len(x) for x in strings]
    c.same(at + " shortest", s["length"]["min"], min(lengths))
    c.same(at + " longest", s["length"]["max"], max(lengths))
    c.near(at + " length", float(Decimal(s["length"]["mean"])),
           sum(lengths) / len(lengths), 0, 0.00051)
    counted = sum(p["count"] for p in s["patterns"]) + s["other_patterns"]
    c.same(at + " strings of patterns", counted, len(strings))
    want = collections.Counter(map(shape, strings))
    if "runs" not in s and None not in want:
        for p in s["patterns"]:
            if p["pattern"] not in ("email", "url", "uuid", "empty"):
                c.same(f"{at} pattern {p['pattern']}", p["count"],
                       want[p["pattern"]])


def check_values(c, at, f, scalars):
    counts = collections.Counter((type(v).__name__, key_of(v)) for v in scalars)
    error = float(Decimal(f["distinct_error"]))
    c.near(at + " distinct", f["distinct"], len(counts), error * 5)
    lost = f["count_error"]
    have = {}
    for entry in f["values"]:
        if "cut" in entry:
            continue
        v = entry["value"]
        key = (type(v).__name__, key_of(v))
        have[key] = entry["count"]
        true = counts[key]
        if not entry["count"] <= true <= entry["count"] + lost:
            c.bad.append(f"{at} value {v!r}: {entry['count']} (+{lost}), "
                         f"wanted {true}")
    if f["all_values"]:
        c.same(at + " values", len(f["values"]), len(counts))
    for key, n in counts.most_common(3):
        if n > lost and len(f["values"]) < 50:
            c.same(f"{at} has {key[1]!r}", key in have or len(str(key[1])) > 60,
                   True)


def compare(records_file, profile_file):
    c = Check()
    values = collections.defaultdict(list)
    records = []
    with open(records_file, encoding="utf-8") as f:
        for line in f:
            if line.strip():
                records.append(load(line))
                walk(records[-1], "", values)
    with open(profile_file, encoding="utf-8") as f:
        profile = json.loads(f.read(), parse_float=Number, parse_int=lambda x:
                             int(x) if len(x) < 16 else Number(x))
    c.same("records", profile["records"], len(records))
    fields = {f["path"]: f for f in profile["fields"]}
    c.same("fields that are not there", sorted(set(fields) - set(values))[:5],
           [])
    c.same("fields that are left out", sorted(set(values) - set(fields))[:5],
           [])
    for at, all_values in values.items():
        f = fields.get(at)
        if not f:
            continue
        kinds = collections.Counter(map(kind, all_values))
        for name, n in f["types"].items():
            c.same(f"{at} {name}", n, kinds[name])
        c.same(at + " null", f["null"], kinds["null"])
        c.same(at + " missing", f["missing"], f["of"] - len(all_values))
        if "." not in at and "[" not in at:
            c.same(at + " of", f["of"], len(records))
        scalars = [v for v in all_values
                   if kind(v) not in ("null", "object", "array")]
        numbers = [v for v in scalars if isinstance(v, Number)]
        strings = [v for v in scalars
                   if isinstance(v, str) and not isinstance(v, Number)]
        if scalars:
            for entry in f["values"]:
                if type(entry["value"]) is int:
                    entry["value"] = Number(entry["value"])
            check_values(c, at, f, scalars)
        if numbers:
            check_numbers(c, at, f, numbers)
        if strings:
            check_strings(c, at, f, strings)
        arrays = [len(v) for v in all_values if isinstance(v, list)]
        if arrays:
            c.same(at + " elements", (f["elements"]["min"], f["elements"]["max"]),
                   (min(arrays), max(arrays)))
    for line in c.bad[:20]:
        print(line[:400])
    return 1 if c.bad else 0


def make(seed, n):
    r = random.Random(seed)
    words = ["", "a", "Ü", "ß€", "two words", "x" * 40, "y" * 300 + "z",
             "tab\there", 'quote"', "back\\slash", "<b>&amp;</b>", "\u0001"]

    def number():
        return r.choice([
            lambda: str(r.randint(-9, 9)),
            lambda: str(r.randint(0, 10 ** 6)),
            lambda: f"{r.uniform(-1000, 1000):.{r.randint(1, 9)}f}",
            lambda: f"{r.randint(1, 99)}e{r.randint(-20, 20)}",
            lambda: "-0.0",
            lambda: str(r.randint(10 ** 20, 10 ** 40)),
            lambda: f"{r.randint(0, 9)}.{r.randint(0, 99):02d}0",
            lambda: "1E+2",
        ])()

    def text():
        return json.dumps(r.choice(words) if r.random() < .7 else
                          f"{r.choice('abc')}{r.randint(0, 10 ** r.randint(1, 8))}",
                          ensure_ascii=r.random() < .5)

    def value(depth):
        x = r.random()
        if x < .3:
            return number()
        if x < .6:
            return text()
        if x < .7:
            return r.choice(["null", "true", "false"])
        if depth > 3:
            return "{}"
        if x < .85:
            return "[" + " , ".join(value(depth + 1)
                                    for _ in range(r.randint(0, 3))) + "]"
        return item(depth + 1)

    def item(depth):
        keys = r.sample(["a", "b", "long_key_of_more_than_16", "x.y", "", "ü",
                         'q"', "n"], r.randint(0, 5))
        return "{" + ",".join(f"{json.dumps(k)}: {value(depth)}"
                              for k in keys) + "}"

    for i in range(n):
        members = [f'"id":{i}', f'"kind":"k{r.randint(0, 3)}"',
                   f'"amount":{r.lognormvariate(3, 2):.2f}']
        if r.random() < .9:
            members.append(f'"ref":"R-{r.randint(0, 99999):05d}"')
        if r.random() < .3:
            members.append(f'"any":{value(0)}')
        if r.random() < .05:
            members.append(f'"kind":"twin"')
        print("{" + ",".join(members) + "}")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        sys.exit(make(int(sys.argv[2]), int(sys.argv[3])))
    sys.exit(compare(sys.argv[1], sys.argv[2]))
