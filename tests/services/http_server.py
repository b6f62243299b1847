"""An HTTP server with the manners, and the faults, that a test asks for.

    http_server.py PORTFILE LOG [CERT KEY]

Listens on a free port of 127.0.0.1, which it writes into PORTFILE, and logs
each request as a line of JSON. What it does is in the path: see the handlers
below, each named after its path. Ends when its stdin does.
"""
import base64
import collections
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

ITEMS = [{"id": i, "name": f"item {i}", "price": f"{i}.10"} for i in range(25)]
counts = collections.Counter()
lock = threading.Lock()
tokens = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def handle_any(self):
        url = urlsplit(self.path)
        self.q = dict(parse_qsl(url.query, keep_blank_values=True))
        n = int(self.headers.get("Content-Length") or 0)
        self.sent = self.rfile.read(n).decode()
        with lock:
            log.write(json.dumps({
                "t": time.time(), "method": self.command, "path": url.path,
                "query": self.q, "body": self.sent,
                "headers": {k.lower(): v for k, v in self.headers.items()},
            }) + "\n")
            log.flush()
        name = "do_" + url.path.strip("/").replace("/", "_")
        handler = getattr(self, name, None)
        if handler:
            handler()
        else:
            self.give(b"", 404)

    do_GET = do_POST = do_PUT = do_HEAD = handle_any

    def log_message(self, *args):
        pass

    def count(self, key):
        with lock:
            counts[key] += 1
            return counts[key]

    def give(self, body, status=200, headers=(), kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data, reset=False):
        """These bytes, and the end of the connection."""
        self.wfile.write(data)
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    # ---- pages ----

    def do_page(self):
        """?page=1.. &limit= ; ?ignore: the number makes no difference"""
        limit = int(self.q.get("limit", 10))
        at = 0 if "ignore" in self.q else int(self.q.get("page", 1)) - 1
        if "slow" in self.q:  # the earlier, the slower
            time.sleep(0.3 / (at + 1))
        self.give(ITEMS[at * limit:(at + 1) * limit])

    def do_offset(self):
        """?offset= &limit= ; ?cap= of the page size, ?promise= a total"""
        limit = min(int(self.q.get("limit", 10)), int(self.q.get("cap", 1000)))
        at = int(self.q.get("offset", 0))
        if "promise" in self.q:
            self.give({"total": int(self.q["promise"]),
                       "items": ITEMS[at:at + limit]})
        else:
            self.give(ITEMS[at:at + limit])

    def do_cursor(self):
        if self.command == "POST":
            at = json.loads(self.sent)["after"] or "c0"
        else:
            at = self.q.get("cursor", "c0")
        i = int(at[1:])
        more = f"c{i + 10}" if i + 10 < 25 else None
        if "loop" in self.q and more is None:
            more = "c10"
        self.give({"items": ITEMS[i:i + 10], "meta": {"next": more}})

    def do_next(self):
        i = int(self.q.get("at", 0))
        more = f"?at={i + 10}" if i + 10 < 25 else None
        self.give({"items": ITEMS[i:i + 10], "next": more})

    def do_link(self):
        """?loop: the last page leads back; ?to=URL: the first leads there"""
        i = int(self.q.get("at", 0))
        links = ['</link?at=0>; rel="first"']
        if "to" in self.q:
            links.append(f'<{self.q["to"]}>; rel=next')
        elif i + 10 < 25:
            loop = "&loop=" if "loop" in self.q else ""
            links.append(f'</link?at={i + 10}{loop}>; rel="prev next"')
        elif "loop" in self.q:
            links.append('</link?at=10&loop=>; rel="next"')
        self.give(ITEMS[i:i + 10], headers=[("Link", ", ".join(links))])

    def do_redirect(self):
        self.give(b"", 302, [("Location", self.q["to"])])

    def do_spin(self):
        self.give(b"", 302, [("Location", "/spin")])

    # ---- faults ----

    def do_flaky(self):
        """?key= &faults=429,500,reset,cut: one at a time, then all is well"""
        faults = self.q["faults"].split(",")
        n = self.count(self.q["key"])
        fault = faults[n - 1] if n <= len(faults) else "none"
        if fault == "reset":
            self.raw(b"", reset=True)
        elif fault == "cut":
            self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{\"id\"")
        elif fault == "none":
            self.give(ITEMS)
        else:
            after = self.q.get("after")
            self.give(b"no", int(fault),
                      [("Retry-After", after)] if after else [])

    def do_cut_length(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                 b"Content-Length: 100\r\n\r\n{\"a\":1}\n{\"a\":2}\n")

    def do_cut_chunks(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n8\r\n{\"a\":1}\n\r\n")

    def do_close(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                 b"Connection: close\r\n\r\n{\"a\":1}\n{\"a\":2}\n")

    def do_trailers(self):
        """A body, and no end of trailers"""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                         b"Content-Type: application/x-ndjson\r\n\r\n"
                         b"8\r\n{\"a\":1}\n\r\n0\r\n")
        for _ in range(200000):
            self.wfile.write(b"X-More: 12345678901234567890\r\n")
        self.raw(b"\r\n")

    def do_status(self):
        """?is=: a JSON array of three; 204 and 304 without"""
        if self.q["is"] in ("204", "304"):
            self.raw(f"HTTP/1.1 {self.q['is']} None\r\n\r\n".encode())
        else:
            self.give(ITEMS[:3], int(self.q["is"]))

    def do_silent(self):
        time.sleep(float(self.q["s"]))
        self.give([])

    def do_drip(self):
        """A record, and the next one a while later"""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Content-Length", "16")
        self.end_headers()
        self.wfile.write(b'{"a":1}\n')
        self.wfile.flush()
        time.sleep(3)
        self.wfile.write(b'{"a":2}\n')

    def do_brotli(self):
        self.give(b"x", headers=[("Content-Encoding", "br")])

    def do_html(self):
        self.give(b"<html><body>no</body></html>", kind="text/html")

    # ---- bodies ----

    def do_etag(self):
        tag = f'"{self.q.get("v", "1")}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
        else:
            self.give(ITEMS[:3], headers=[("ETag", tag)])

    def do_modified(self):
        date = "Wed, 21 Oct 2015 07:28:00 GMT"
        if self.headers.get("If-Modified-Since") == date:
            self.send_response(304)
            self.end_headers()
        else:
            self.give(ITEMS[:3], headers=[("Last-Modified", date)])

    def do_since(self):
        self.give([i for i in ITEMS if i["id"] >= int(self.q.get("since", 5))])

    def do_gzip(self):
        body = "".join(json.dumps(i) + "\n" for i in ITEMS).encode()
        if "gzip" not in self.headers.get("Accept-Encoding", ""):
            self.give(b"", 406)
        else:
            self.give(gzip.compress(body), kind="application/x-ndjson",
                      headers=[("Content-Encoding", "gzip")])

    def do_csv(self):
        self.give(b"id,name\r\n007,\"a, b\"\r\n",
                  kind="text/csv; charset=utf-8")

    def do_big(self):
        """?mb= of NDJSON, made on the way"""
        line = b'{"id":123456789,"text":"' + b"x" * 998 + b'"}\n'
        block = line * 64
        n = int(self.q["mb"]) * (1 << 20) // len(block)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(n):
            self.wfile.write(b"%x\r\n" % len(block) + block + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_ranges(self):
        """1000 records; the connection breaks at each third of them.
        ?key= counts; ?change: another version behind the first break;
        ?weak: a weak ETag; ?plain: no ranges offered; ?short: less of the
        rest than was asked for"""
        n = self.count(self.q["key"])
        version = n if "change" in self.q else 1
        body = "".join(f'{{"v":{version},"n":{i}}}\n'
                       for i in range(1000)).encode()
        tag = ("W/" if "weak" in self.q else "") + f'"v{version}"'
        start = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and self.headers.get("If-Range") == tag:
            start = int(asked[6:].rstrip("-"))
        rest = body[start:]
        if start and "short" in self.q:  # up to the end of a record
            rest = rest[:rest.index(b"\n") + 1]
        head = f"HTTP/1.1 {206 if start else 200} OK\r\nETag: {tag}\r\n"
        if "plain" not in self.q:
            head += "Accept-Ranges: bytes\r\n"
        if start:
            head += (f"Content-Range: bytes {start}-{start + len(rest) - 1}/"
                     f"{len(body)}\r\n")
        head += ("Content-Type: application/x-ndjson\r\n"
                 f"Content-Length: {len(rest)}\r\n\r\n")
        third = len(body) // 3 + 7
        self.raw(head.encode() + rest[:third])

    # ---- who asks ----

    def do_echo(self):
        self.give([{"method": self.command, "query": self.q, "body": self.sent,
                    "headers": {k.lower(): v
                                for k, v in self.headers.items()}}])

    def need(self, good):
        if good:
            self.give(ITEMS[:1])
        else:
            self.give(b"who?", 401)

    def do_bearer(self):
        self.need(self.headers.get("Authorization") == "Bearer s3cret")

    def do_basic(self):
        want = base64.b64encode(b"ann:s3cret").decode()
        self.need(self.headers.get("Authorization") == "Basic " + want)

    def do_key(self):
        self.need(self.headers.get("X-Api-Key") == "s3cret" or
                  self.q.get("k") == "s3cret")

    def do_bad(self):
        """Records for who has the key, of which the second is none"""
        if self.q.get("k") != "s3cret":
            self.give(b"", 401)
        else:
            self.give(b'{"a":1}\n{"a":\n{"a":3}\n',
                      kind="application/x-ndjson")

    def do_token(self):
        """OAuth 2: a new token each time, good for ?uses= requests"""
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        who = base64.b64decode(pair).decode() if kind == "Basic" else ""
        user, _, password = who.partition(":")
        form = dict(parse_qsl(self.sent))
        if (unquote(user), unquote(password)) != ("cli:ent", "s3cret") or \
                form.get("grant_type") != "client_credentials":
            self.give({"error": "invalid_client"}, 401)
            return
        token = f"tok{self.count('tokens')}"
        with lock:
            tokens[token] = int(self.q.get("uses", 1000))
        self.give({"access_token": token, "token_type": "bearer",
                   "expires_in": float(self.q.get("lives", 3600)).__int__(),
                   "scope": form.get("scope", "")})

    def do_oauth(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with lock:
            good = tokens.get(token, 0) > 0
            tokens[token] = tokens.get(token, 0) - 1
        if good:
            self.do_page()
        else:
            self.give(b"expired", 401)


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


portfile, logfile = sys.argv[1:3]
log = open(logfile, "a", encoding="utf-8")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.handle_error = lambda *args: None
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(portfile + ".tmp", "w", encoding="ascii") as f:
    f.write(str(server.server_address[1]))
os.rename(portfile + ".tmp", portfile)
threading.Thread(target=end_with_stdin, daemon=True).start()
server.serve_forever()
