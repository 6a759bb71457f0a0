#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""RFC 5424 before a real rsyslog: UDP, TCP with octet counting, mutual TLS, and who is refused."""
import json
import os
import signal
import socket

import feeding
from feeding import Case, ids, position, tap, wait_until

COUNT = 4000
CONFIG = """global(workDirectory="{dir}" net.enableDNS="off" DefaultNetstreamDriverCAFile="{dir}/ca.crt"
 DefaultNetstreamDriverCertFile="{dir}/server.crt" DefaultNetstreamDriverKeyFile="{dir}/server.key")
module(load="imtcp") module(load="imudp")
template(name="flat" type="string" string="%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\\n")
ruleset(name="tcp"){{ action(type="omfile" file="{dir}/tcp.log" template="flat") }}
ruleset(name="udp"){{ action(type="omfile" file="{dir}/udp.log" template="flat") }}
ruleset(name="tls"){{ action(type="omfile" file="{dir}/tls.log" template="flat") }}
input(type="imudp" port="5514" address="127.0.0.1" ruleset="udp" rcvbufSize="4m")
input(type="imtcp" port="5514" address="127.0.0.1" ruleset="tcp")
input(type="imtcp" port="6514" address="127.0.0.1" ruleset="tls" StreamDriver.Name="ossl"
 StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=["node-a"])
"""


class Syslog(Case):
    def setUp(self):
        super().setUp()
        self.pki()
        self.path("r.conf", CONFIG.format(dir=self.lab.directory))
        self.serve()

    def serve(self):
        self.server = self.start("rsyslogd", "-n", "-f", self.path("r.conf"), "-i",
                                 self.path("r.pid"))
        for port in (5514, 6514):
            self.listening(port)
        self.listening(5514, socket.SOCK_DGRAM)

    def tls(self, name):
        return {"ca": self.path("ca.crt"), "cert": self.path(f"{name}.crt"),
                "key": self.path(f"{name}.key")}

    def arrived(self, name, count):
        wait_until(f"{count} lines", lambda: len(self.lines(name)) >= count, 20)
        rows = [line.split("|", 6) for line in self.lines(name)]
        self.assertEqual(len(rows), count)
        return rows

    def test_tcp(self):
        """octet counting: header, structured data and JSON arrive as they were"""
        report = self.feed(COUNT, type="syslog", address="tcp://127.0.0.1:5514", facility="local3")
        self.assertEqual((report["sent"], report["acknowledged"], report["lost"]), (COUNT, 0, 0))
        rows = self.arrived("tcp.log", COUNT)
        for pri, time, host, app, msgid, data, body in rows[::97]:
            flow = json.loads(body)["flow"]
            self.assertEqual((pri, host, app, msgid), (str(19 * 8 + 6), "feed", "flowd", "flow"))
            self.assertEqual(time[:19], flow["time"][:19])
            self.assertIn(f'[flow@32473 id="{flow["uuid"]}" src="{flow["IP"]["source"]}"', data)
            self.assertIn(f'bytes="{flow["extensions"]["value"]["bytes"]}"]', data)
        self.assertEqual({position(json.loads(row[6])["flow"]["uuid"]) for row in rows},
                         ids(COUNT))

    def test_udp(self):
        """a datagram a message; the body as key=value and as CEF"""
        self.feed(500, "--rate", "5000", type="syslog", address="udp://127.0.0.1:5514",
                  format="kv", structured_data="false")
        rows = self.arrived("udp.log", 500)
        self.assertEqual({row[5] for row in rows}, {"-"})
        self.assertEqual({position(row[6].split(" id=")[1].split()[0]) for row in rows}, ids(500))
        self.feed(10, type="syslog", address="udp://127.0.0.1:5514", format="cef")
        self.assertIn("CEF:0|flowd|flowd|", self.arrived("udp.log", 510)[-1][6])

    def sink(self):
        with self.net:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind(("127.0.0.1", 5515))
        made.setblocking(False)
        return made

    @staticmethod
    def drain(sink):
        """Positions of what has arrived."""
        found = set()
        try:
            while True:
                line = sink.recv(65536)
                found.add(position(json.loads(line[line.index(b"] ") + 2:])["flow"]["uuid"]))
        except BlockingIOError:
            return found

    @staticmethod
    def states(process):
        """Of all its threads, as the kernel says."""
        found = set()
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/stat", encoding="ascii") as file:
                found.add(file.read().rpartition(") ")[2][0])
        return found

    def test_udp_refused(self):
        """who listens goes, it is told, and comes back: every record arrives, some twice"""
        sink = self.sink()
        feed = self.start_feed(3000, "--rate", 3000, type="syslog", delay="5ms",
                               address="udp://127.0.0.1:5515")
        arrived = set()

        def come(count):
            arrived.update(self.drain(sink))
            return len(arrived) >= count
        wait_until("some come", lambda: come(500), 20)
        feed.send_signal(signal.SIGSTOP)
        wait_until("the feed is stopped", lambda: self.states(feed) == {"T"}, 10)
        come(0)
        sink.close()
        feed.send_signal(signal.SIGCONT)
        self.assertIn("refused; start what listens on this UDP port", feed.stderr.readline())
        sink = self.sink()
        wait_until("all have come", lambda: come(3000), 20)
        self.assertEqual(arrived, ids(3000))
        report = self.report(feed)
        self.assertEqual((report["sent"], report["lost"]), (3000, 0))
        sink.close()

    def test_tls(self):
        """mutual TLS: all messages arrive, also the last before the connection is closed"""
        for turn in range(1, 3):
            self.feed(1000, type="syslog", address="tls://127.0.0.1:6514", **self.tls("client"))
            self.arrived("tls.log", 1000 * turn)

    def test_refused(self):
        """a server of another CA and a client that is not known: told, nothing sent"""
        feed = self.start_feed(10, type="syslog", address="tls://127.0.0.1:6514",
                               ca=self.path("rogue-ca.crt"), cert=self.path("client.crt"),
                               key=self.path("client.key"))
        wait_until("the certificate is refused", lambda: "certificate" in self.stderr(feed), 10)
        self.assertEqual(self.lines("tls.log"), [])

    @staticmethod
    def stderr(process):
        return process.stderr.readline()

    def test_restarted(self):
        """rsyslog is killed three times: all arrives but what it had not read, none with two ids"""
        feed = self.start_feed(COUNT * 5, "--rate", COUNT * 2, type="syslog", batch=100,
                               address="tcp://127.0.0.1:5514")
        for turn in range(1, 4):
            wait_until("lines come", lambda: len(self.lines("tcp.log")) > COUNT * turn, 20)
            self.server.kill()
            self.server.wait()
            self.serve()
        self.assertEqual(self.report(feed)["sent"], COUNT * 5)
        found = set()

        def last():
            found.update(position(line.split('[flow@32473 id="')[1][:36])
                         for line in self.lines("tcp.log") if line.count("|") >= 6)
            return COUNT * 5 in found
        wait_until("the last line", last, 20)
        self.assertLess(COUNT * 5 - len(found), 3 * COUNT // 4)  # syslog acknowledges nothing

    def test_late(self):
        """unreachable at the start: it is told, and all arrives once the target is there"""
        feed = self.start_feed(1000, type="syslog", address="tcp://127.0.0.1:5599")
        self.assertIn("cannot connect: Connection refused", feed.stderr.readline())
        listener = self.listener(5599)
        self.addCleanup(listener.close)
        connection, _ = listener.accept()
        self.addCleanup(connection.close)
        data = b""
        while data.count(b"<30>1 ") < 1000:
            data += connection.recv(1 << 20)
        self.assertEqual(self.report(feed)["sent"], 1000)

    def listener(self, port):
        with self.net:
            return socket.create_server(("127.0.0.1", port))


if __name__ == "__main__":
    assert feeding
    tap.main()
