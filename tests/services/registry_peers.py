"""Random schemas and messages, encoded by the reference implementations.

    registry_peers.py make FOLDER COUNT SEED     fills FOLDER
    registry_peers.py compare FOLDER <OUTPUT     exits 1 where a line differs

FOLDER gets schemas/ids/N as a registry would answer, `messages` (each behind
its length in four bytes) and `expected`, one JSON text a line. Avro is encoded
by python3-avro, Protobuf by protoc and python3-protobuf, whose json_format
also says what is expected. Numbers are compared exactly.
"""
import base64
import datetime
import decimal
import io
import json
import math
import os
import random
import struct
import subprocess
import sys
import uuid

import avro.io
import avro.schema
from google.protobuf import descriptor_pb2, descriptor_pool, json_format
from google.protobuf import message_factory

D = decimal.Decimal
decimal.getcontext().prec = 100
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Real(float):
    """A number that is compared as the double (or float) it is read as."""
    single = False


class Single(Real):
    single = True


def real(v, kind=Real):
    if math.isnan(v):
        return "NaN"
    if math.isinf(v):
        return "Infinity" if v > 0 else "-Infinity"
    return kind(v)


def same(want, have):
    if isinstance(want, Real):
        if not isinstance(have, (D, int)) or isinstance(have, bool):
            return False
        if want.single:
            return struct.pack("f", float(have)) == struct.pack("f", want)
        return float(have) == want
    if isinstance(want, dict):
        return (isinstance(have, dict) and list(want) == list(have)
                and all(same(want[k], have[k]) for k in want))
    if isinstance(want, list):
        return (isinstance(have, list) and len(want) == len(have)
                and all(map(same, want, have)))
    if isinstance(want, D):
        return (isinstance(have, (D, int))
                and format(want, "f") == format(D(have), "f"))
    return type(want) is type(have) and want == have


def text(rnd):
    return "".join(rnd.choice("aZ09 \"\\/\n\t\u00e9\u20ac\U0001f600\x01")
                   for _ in range(rnd.choice([0, 1, 5, 40])))


def octets(rnd, n=None):
    return rnd.randbytes(rnd.choice([0, 1, 2, 3, 30]) if n is None else n)


def whole(rnd, bits):
    n = rnd.getrandbits(rnd.randint(1, bits - 1))
    edge = rnd.random()
    if edge < 0.05:
        n = 2 ** (bits - 1) - 1
    return -n - 1 if rnd.random() < 0.5 else n


def double(rnd):
    kind = rnd.random()
    if kind < 0.1:
        return rnd.choice([math.nan, math.inf, -math.inf, 0.0, 5e-324,
                           1.7976931348623157e308, 2.2250738585072014e-308])
    if kind < 0.4:
        return round(rnd.uniform(-1e6, 1e6), rnd.randint(0, 6))
    return struct.unpack("d", rnd.randbytes(8))[0]


def single(rnd):
    v = struct.unpack("f", rnd.randbytes(4))[0]
    return 0.5 if math.isnan(v) else v


# ---- Avro

class Avro:
    """A random schema; value() gives what the encoder takes and the JSON."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.names = 0
        self.defined = []  # name, value function

    def name(self):
        self.names += 1
        return "N%d" % self.names

    def schema(self, depth, union=True):
        r = self.rnd
        kinds = [self.simple, self.simple, self.logical, self.logical,
                 self.fixed, self.enum]
        if depth > 0:
            kinds += [self.record, self.array, self.map]
            if union:
                kinds.append(self.union)
        if self.defined and r.random() < 0.1:
            name, value, kind = r.choice(self.defined)
            return name, value, kind
        return r.choice(kinds)(depth)

    def simple(self, _):
        r = self.rnd
        kind = r.choice(["null", "boolean", "int", "long", "float", "double",
                         "bytes", "string"])

        def value():
            if kind == "null":
                return None, None
            if kind == "boolean":
                v = r.random() < 0.5
                return v, v
            if kind in ("int", "long"):
                v = whole(r, 32 if kind == "int" else 64)
                return v, v
            if kind == "float":
                v = single(r)
                return v, real(v, Single)
            if kind == "double":
                v = double(r)
                return v, real(v)
            if kind == "bytes":
                v = octets(r)
                return v, base64.b64encode(v).decode()
            v = text(r)
            return v, v
        return (kind if r.random() < 0.7 else {"type": kind}), value, kind

    def logical(self, _):
        r = self.rnd
        kind = r.choice(["date", "time-millis", "time-micros",
                         "timestamp-millis", "timestamp-micros", "decimal",
                         "uuid"])
        base = {"date": "int", "time-millis": "int", "decimal": "bytes",
                "uuid": "string"}.get(kind, "long")
        schema = {"type": base, "logicalType": kind}
        scale = r.randint(0, 10)
        precision = scale + r.randint(1, 40)
        if kind == "decimal":
            schema.update(precision=precision, scale=scale)

        def fraction(us):
            return (".%06d" % us).rstrip("0").rstrip(".")

        def value():
            if kind == "date":
                v = datetime.date(1, 1, 1) + datetime.timedelta(
                    r.randrange(3652059))
                return v, v.isoformat()
            if kind.startswith("time-"):
                us = r.randrange(86400 * 10 ** 6)
                if kind == "time-millis":
                    us -= us % 1000
                v = (datetime.datetime.min
                     + datetime.timedelta(microseconds=us)).time()
                return v, v.strftime("%H:%M:%S") + fraction(v.microsecond)
            if kind.startswith("timestamp"):
                # The reference loses microseconds far from 1970.
                us = r.randrange(-2 ** 51, 2 ** 51)
                if kind == "timestamp-millis":
                    us -= us % 1000
                v = EPOCH + datetime.timedelta(microseconds=us)
                return v, (v.strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
                           + fraction(v.microsecond) + "Z")
            if kind == "decimal":
                n = r.getrandbits(r.randint(1, 130)) % 10 ** precision
                v = D(-n if r.random() < 0.5 else n).scaleb(-scale)
                return v, v
            v = str(uuid.UUID(bytes=r.randbytes(16)))
            return (uuid.UUID(v) if UUID_OBJECTS else v), v
        return schema, value, kind

    def fixed(self, _):
        r = self.rnd
        size = r.choice([0, 1, 7, 16])
        name = self.name()

        def value():
            v = r.randbytes(size)
            return v, base64.b64encode(v).decode()
        self.defined.append((name, value, name))
        return {"type": "fixed", "name": name, "size": size}, value, name

    def enum(self, _):
        r = self.rnd
        name = self.name()
        symbols = ["S%d" % i for i in range(r.randint(1, 5))]

        def value():
            v = r.choice(symbols)
            return v, v
        self.defined.append((name, value, name))
        return ({"type": "enum", "name": name, "symbols": symbols}, value,
                name)

    def record(self, depth):
        r = self.rnd
        name = self.name()
        fields = [("f%d" % i, *self.schema(depth - 1))
                  for i in range(r.randint(0, 5))]

        def value():
            v = {k: f() for k, _, f, _ in fields}
            return ({k: a for k, (a, _) in v.items()},
                    {k: b for k, (_, b) in v.items()})
        self.defined.append((name, value, name))
        return ({"type": "record", "name": name,
                 "fields": [{"name": k, "type": t} for k, t, _, _ in fields]},
                value, name)

    def array(self, depth):
        r = self.rnd
        items, item, _ = self.schema(depth - 1)

        def value():
            v = [item() for _ in range(r.choice([0, 1, 3, 10]))]
            return [a for a, _ in v], [b for _, b in v]
        return {"type": "array", "items": items}, value, "array"

    def map(self, depth):
        r = self.rnd
        values, item, _ = self.schema(depth - 1)

        def value():
            v = {text(r): item() for _ in range(r.choice([0, 1, 3]))}
            return ({k: a for k, (a, _) in v.items()},
                    {k: b for k, (_, b) in v.items()})
        return {"type": "map", "values": values}, value, "map"

    def union(self, _):
        """Of what the encoder tells apart by the type in Python."""
        r = self.rnd
        branches = {"null": (None, None)}
        branches["string"] = (lambda: (lambda v: (v, v))(text(r)))
        branches["long"] = (lambda: (lambda v: (v, v))(whole(r, 64)))
        branches["boolean"] = (lambda: (lambda v: (v, v))(r.random() < 0.5))
        branches["null"] = lambda: (None, None)
        # To Python true is an integer, too.
        branches.pop(r.choice(["long", "boolean"]))
        names = r.sample(sorted(branches), r.randint(1, 3))

        def value():
            return branches[r.choice(names)]()
        return names, value, "union"


UUID_OBJECTS = False


def avro_cases(rnd, count):
    made = 0
    while made < count:
        a = Avro(rnd)
        schema, value, _ = a.schema(4)
        source = json.dumps(schema)
        try:
            writer = avro.io.DatumWriter(avro.schema.parse(source))
        except avro.errors.AvroException:
            continue
        for _ in range(5):
            datum, want = value()
            out = io.BytesIO()
            writer.write(datum, avro.io.BinaryEncoder(out))
            payload = out.getvalue()
            if schema in ("bytes", {"type": "bytes"}):
                payload = datum  # framed without its length
            yield {"schema": source}, payload, want
            made += 1


# ---- Protobuf

SCALARS = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32",
           "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool",
           "string", "bytes"]
KNOWN = ["google.protobuf.Timestamp", "google.protobuf.Duration",
         "google.protobuf.Int64Value", "google.protobuf.StringValue",
         "google.protobuf.Struct"]
KEYS = ["int32", "int64", "uint32", "uint64", "sint32", "bool", "string"]


class Proto:
    """Random .proto source."""

    def __init__(self, rnd, syntax):
        self.rnd = rnd
        self.syntax = syntax
        self.count = 0

    def source(self):
        imports = "".join('import "google/protobuf/%s.proto";\n' % n for n in
                          ("timestamp", "duration", "wrappers", "struct"))
        body = self.message("Top", [], 3)
        return 'syntax = "%s";\n// a comment\npackage shop.v1;\n%s%s' % (
            self.syntax, imports, body)

    def message(self, name, outer, depth):
        r = self.rnd
        inner, types, lines = [], [], []
        for i in range(r.randint(0, 2) if depth else 0):
            sub = "%sM%d" % (name, i)
            inner.append(self.message(sub, outer + [name], depth - 1))
            types.append(sub)
        enum = None
        if r.random() < 0.7:
            enum = name + "E"
            # Zero first, a negative one, and gaps.
            inner.append("enum %s { %s_A = 0; %s_B = 7 [deprecated = true]; "
                         "%s_C = -3; }" % (enum, enum, enum, enum))
            types.append(enum)
        numbers = iter(sorted(r.sample(
            [n for n in range(1, 300) if not 100 <= n < 110], 40)))
        types += SCALARS + KNOWN
        full = ".".join(["shop.v1"] + outer + [name])
        for _ in range(r.randint(0, 8)):
            self.count += 1
            field = r.choice(["f_%d", "someName%d", "a_b_c%d"]) % self.count
            kind = r.choice(types)
            if kind not in SCALARS + KNOWN and r.random() < 0.3:
                kind = "." + full + "." + kind
            shape = r.random()
            n = next(numbers)
            if shape < 0.15:
                lines.append("map<%s, %s> %s = %d;" % (r.choice(KEYS), kind,
                                                       field, n))
            elif shape < 0.4:
                scalar = kind in SCALARS and kind not in ("string", "bytes")
                option = r.choice(["", " [packed = true]",
                                   " [packed=false]"]) if scalar else ""
                lines.append("repeated %s %s = %d%s;" % (kind, field, n,
                                                         option))
            elif shape < 0.6:
                lines.append("oneof o%d { %s %s = %d; string %s_s = %d; }" % (
                    self.count, kind, field, n, field, next(numbers)))
            elif shape < 0.7 or self.syntax == "proto2":
                lines.append("optional %s %s = %d;" % (kind, field, n))
            else:
                lines.append("%s %s = %d /* why */;" % (kind, field, n))
        return "message %s {\n%s\n%s\n}\n" % (name, "\n".join(lines),
                                              "\n".join(inner))


def scalar_value(rnd, f):
    t = f.cpp_type
    if t == f.CPPTYPE_INT32:
        return whole(rnd, 32)
    if t == f.CPPTYPE_INT64:
        return whole(rnd, 64)
    if t == f.CPPTYPE_UINT32:
        return rnd.getrandbits(rnd.randint(1, 32))
    if t == f.CPPTYPE_UINT64:
        return rnd.getrandbits(rnd.randint(1, 64))
    if t == f.CPPTYPE_DOUBLE:
        return double(rnd)
    if t == f.CPPTYPE_FLOAT:
        return single(rnd)
    if t == f.CPPTYPE_BOOL:
        return rnd.random() < 0.5
    if t == f.CPPTYPE_ENUM:
        return rnd.choice(f.enum_type.values).number
    return text(rnd) if f.type == f.TYPE_STRING else octets(rnd)


def fill(rnd, message, depth):
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = rnd.randrange(-62135596800, 253402300800)
        message.nanos = rnd.choice([0, 1, 500000000, rnd.randrange(10 ** 9)])
        return
    if name == "google.protobuf.Duration":
        sign = rnd.choice([-1, 1])
        message.seconds = sign * rnd.choice([0, rnd.randrange(315576000000)])
        message.nanos = sign * rnd.choice([0, rnd.randrange(10 ** 9)])
        return
    if name == "google.protobuf.Struct":
        message.update({"a": 1.5, "b": [True, None, "x", {"c": {}}], "": []})
        return
    for f in message.DESCRIPTOR.fields:
        if rnd.random() < 0.3 or (depth == 0 and f.message_type):
            continue
        entry = f.message_type and f.message_type.GetOptions().map_entry
        if entry:
            key, value = (f.message_type.fields_by_name[n]
                          for n in ("key", "value"))
            for _ in range(rnd.choice([0, 1, 3])):
                k = scalar_value(rnd, key)
                if value.message_type:
                    fill(rnd, getattr(message, f.name)[k], depth - 1)
                else:
                    getattr(message, f.name)[k] = scalar_value(rnd, value)
        elif f.label == f.LABEL_REPEATED:
            for _ in range(rnd.choice([0, 1, 3, 20])):
                if f.message_type:
                    fill(rnd, getattr(message, f.name).add(), depth - 1)
                else:
                    getattr(message, f.name).append(scalar_value(rnd, f))
        elif f.message_type:
            getattr(message, f.name).SetInParent()
            fill(rnd, getattr(message, f.name), depth - 1)
        else:
            setattr(message, f.name, scalar_value(rnd, f))


def wanted_scalar(f, v):
    """The canonical mapping's value, but numbers as numbers."""
    if f.cpp_type in (f.CPPTYPE_INT64, f.CPPTYPE_UINT64):
        return int(v)
    if f.cpp_type == f.CPPTYPE_DOUBLE:
        return v if isinstance(v, str) else Real(v)
    if f.cpp_type == f.CPPTYPE_FLOAT:
        return v if isinstance(v, str) else Single(v)
    return v


def struct_numbers(v):
    if isinstance(v, dict):
        return {k: struct_numbers(x) for k, x in v.items()}
    if isinstance(v, list):
        return [struct_numbers(x) for x in v]
    return Real(v) if isinstance(v, float) else v


def wanted_message(message, d):
    descriptor = message.DESCRIPTOR
    name = descriptor.full_name
    if name == "google.protobuf.Int64Value":
        return int(d)
    if name == "google.protobuf.Struct":
        return struct_numbers(d)
    if name == "google.protobuf.Timestamp":
        head, _, tail = d[:-1].partition(".")
        tail = tail.rstrip("0")
        return head + ("." + tail if tail else "") + "Z"
    if name == "google.protobuf.Duration":
        head, _, tail = d[:-1].partition(".")
        tail = tail.rstrip("0")
        return head + ("." + tail if tail else "") + "s"
    if name.startswith("google."):
        return d
    out = {}
    for f in descriptor.fields:
        single = f.label != f.LABEL_REPEATED
        proto2 = f.file.syntax == "proto2"
        presence = single and (proto2 or f.containing_oneof or f.message_type)
        if f.name not in d or (presence and not message.HasField(f.name)):
            continue
        v = d[f.name]
        own = getattr(message, f.name)
        entry = f.message_type and f.message_type.GetOptions().map_entry
        if entry:
            value = f.message_type.fields_by_name["value"]
            keys = {str(k).lower() if isinstance(k, bool) else str(k): k
                    for k in own}
            out[f.name] = {k: wanted(value, own[keys[k]], x)
                           for k, x in v.items()}
        elif single:
            out[f.name] = wanted(f, own, v)
        else:
            out[f.name] = [wanted(f, a, x) for a, x in zip(own, v)]
    return out


def wanted(f, own, v):
    """own is the value in the message, v its canonical mapping."""
    if f.message_type:
        return wanted_message(own, v)
    return wanted_scalar(f, v)


def proto_cases(rnd, count, folder):
    made = 0
    while made < count:
        syntax = rnd.choice(["proto2", "proto3"])
        source = Proto(rnd, syntax).source()
        name = os.path.join(folder, "case.proto")
        with open(name, "w") as f:
            f.write(source)
        subprocess.run(["protoc", "-I", folder, "--include_imports",
                        "--descriptor_set_out=" + name + ".pb", name],
                       check=True, stderr=subprocess.DEVNULL)
        files = descriptor_pb2.FileDescriptorSet()
        with open(name + ".pb", "rb") as f:
            files.ParseFromString(f.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        top = pool.FindMessageTypeByName("shop.v1.Top")
        make = message_factory.MessageFactory(pool).GetPrototype(top)
        serialized = base64.b64encode(
            files.file[-1].SerializeToString()).decode()
        for i in range(10):
            message = make()
            fill(rnd, message, 4)
            d = json_format.MessageToDict(
                message, including_default_value_fields=True,
                preserving_proto_field_name=True, descriptor_pool=pool)
            document = {"schemaType": "PROTOBUF",
                        "schema": serialized if i % 2 else source}
            payload = b"\0" + message.SerializeToString()
            yield document, payload, wanted_message(message, d)
            made += 1


# ---- the folder

def plain(v):
    """An expected value as JSON: numbers with what they are compared as."""
    if isinstance(v, Single):
        return {"f": float(v)}
    if isinstance(v, Real):
        return {"d": float(v)}
    if isinstance(v, D):
        return {"n": str(v)}
    if isinstance(v, dict):
        return {"o": [[k, plain(x)] for k, x in v.items()]}
    if isinstance(v, list):
        return [plain(x) for x in v]
    return v


def back(v):
    if isinstance(v, list):
        return [back(x) for x in v]
    if not isinstance(v, dict):
        return v
    (kind, x), = v.items()
    if kind == "f":
        return Single(x)
    if kind == "d":
        return Real(x)
    if kind == "n":
        return D(x)
    return {k: back(y) for k, y in x}


def make(folder, count, seed):
    rnd = random.Random(seed)
    ids = os.path.join(folder, "schemas", "ids")
    os.makedirs(ids)
    known = {}
    with open(os.path.join(folder, "messages"), "wb") as out, \
            open(os.path.join(folder, "expected"), "w") as expected:
        for cases in (avro_cases(rnd, count), proto_cases(rnd, count, folder)):
            for document, payload, want in cases:
                answer = json.dumps(document)
                if answer not in known:
                    known[answer] = len(known) + 1
                    with open(os.path.join(ids, str(known[answer])), "w") as f:
                        f.write(answer)
                m = b"\0" + struct.pack(">I", known[answer]) + payload
                out.write(struct.pack(">I", len(m)) + m)
                expected.write(json.dumps(plain(want)) + "\n")


def compare(folder):
    bad = n = 0
    with open(os.path.join(folder, "expected")) as expected:
        for want, have in zip(expected, sys.stdin):
            n += 1
            try:
                value = json.loads(have, parse_float=D)
            except ValueError:
                value = have
            if not same(back(json.loads(want)), value):
                bad += 1
                if bad <= 5:
                    print("message %d:\nwant %shave %s" % (n, want, have))
        rest = len(expected.readlines())
    print("%d messages, %d differ, %d missing" % (n, bad, rest))
    return bad > 0 or rest > 0 or n == 0


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(compare(sys.argv[2]))
