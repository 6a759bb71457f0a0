# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The program export_feed in a namespace of its own, and what tests of exporters share."""
import json
import os
import socket
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../netns"))
# pylint: disable=wrong-import-position
import tap  # noqa: E402,F401
from lab import Lab, wait_until  # noqa: E402

BUILD = os.environ.get("FLOWD_BUILD", "build")
FEED = os.path.join(BUILD, "tests/export/export_feed")
FLOWCLI = os.path.join(BUILD, "flowcli/flowcli")
KAFKA_MOCK = os.path.join(BUILD, "tests/export/kafka_mock")


def options(**settings):
    """export.0's settings as arguments; `type` first, as the configuration wants it."""
    words = []
    for key, value in settings.items():
        words += ["--set", f"export.0.{key}={value}"]
    return words


def ids(count, start=1):
    """The last part of the id of a record says its position."""
    return set(range(start, start + count))


def position(identifier):
    return int(identifier.rsplit("-", 1)[1], 16)


class Case(unittest.TestCase):
    """A lab with one namespace, in which receivers and the feed have the loopback to themselves."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.net = self.lab.namespace()

    def path(self, name, text=None):
        path = os.path.join(self.lab.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def start(self, *command, log="log.txt", **streams):
        with open(self.path(log), "ab") as output:
            return self.lab.start(self.net, *command,
                                  **{"stdout": output, "stderr": output, **streams})

    def start_feed(self, records, *arguments, **settings):
        """In the background; its report comes on standard output."""
        return self.start(FEED, "--records", records, *arguments, *options(**settings),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def report(self, process, seconds=60):
        out, errors = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, 0, errors)
        return json.loads(out.splitlines()[0])

    def feed(self, records, *arguments, seconds=60, **settings):
        return self.report(self.start_feed(records, *arguments, **settings), seconds)

    def listening(self, port, kind=socket.SOCK_STREAM):
        flag = "-Hltn" if kind == socket.SOCK_STREAM else "-Hlun"
        wait_until(f"port {port} is open",
                   lambda: self.net.run("ss", flag, f"sport = :{port}").stdout, 20)

    def lines(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def pki(self):
        """ca, server (localhost) and client certificates, and a client of another CA."""
        for ca in ("ca", "rogue-ca"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                         "-nodes", "-days", "1", "-subj", f"/CN={ca}", "-keyout",
                         self.path(f"{ca}.key"), "-out", self.path(f"{ca}.crt"))
        self.certificate("server", "ca")
        self.certificate("client", "ca")
        self.certificate("rogue", "rogue-ca")

    def mutual_tls(self):
        """A server's context after pki(): it shows its certificate and wants one of the same CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        context.load_verify_locations(self.path("ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def certificate(self, name, ca):
        self.path(f"{name}.ext", "subjectAltName=DNS:localhost,DNS:node-a,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=node-a", "-keyout", self.path(f"{name}.key"), "-out",
                     self.path(f"{name}.csr"))
        self.openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA",
                     self.path(f"{ca}.crt"), "-CAkey", self.path(f"{ca}.key"), "-CAcreateserial",
                     "-days", "1", "-extfile", self.path(f"{name}.ext"), "-out",
                     self.path(f"{name}.crt"))

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
