# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A web server that keeps what is posted to it."""
import gzip
import http.server
import threading
import time


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers as the server's `answer` says; keeps what came."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        status, headers, text = self.server.answer(self, body)
        self.server.posts.append((status, self.path, dict(self.headers), body, time.monotonic()))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def serve(case, answer=lambda request, body: (200, {}, b"{}"), tls=None, net=None):
    """On 127.0.0.1:8080 of a namespace until the test's end; `posts` is (status, path, headers, body,
    when), `answer` makes (status, headers, body) of each."""
    with net or case.net:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Recorder)
    server.posts, server.answer = [], answer
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    case.addCleanup(server.server_close)
    case.addCleanup(server.shutdown)
    return server
