"""A registry of documents in a folder, for what a real one cannot be told.

    registry_server.py FOLDER

Prints its port, then answers GET PATH with FOLDER/PATH, or 404 in the manner
of registries. FOLDER/log gets a line a request. FOLDER/authorization, if it is
there, is the header that every request must bring (else 401); FOLDER/failures
has the number of requests to answer with 503 first; FOLDER/plain: every answer
is a page that is no registry's.
"""
import http.server
import os
import sys

folder = sys.argv[1]


def read(name):
    try:
        with open(os.path.join(folder, name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        with open(os.path.join(folder, "log"), "a") as f:
            f.write("%d %s\n" % (status, self.path))
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type",
                         "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        wanted = read("authorization")
        failures = int(read("failures") or 0)
        if read("plain") is not None:
            return self.answer(200, "<html>Welcome</html>")
        if failures:
            with open(os.path.join(folder, "failures"), "w") as f:
                f.write(str(failures - 1))
            return self.answer(503, "")
        if wanted and self.headers.get("Authorization") != wanted:
            return self.answer(401, '{"error_code":401,"message":"who?"}')
        body = read(self.path.lstrip("/"))
        if body is None:
            return self.answer(404, '{"error_code":40403,'
                                    '"message":"Schema not found"}')
        return self.answer(200, body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
