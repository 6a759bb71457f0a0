#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""IPFIX before nfcapd and nfacctd: bytes, packets, times and flags of every flow are read back
exactly, no sequence number is wrong; tshark knows every element; TCP is read by our own eyes."""
import datetime
import json
import os
import re
import signal
import socket
import struct
import subprocess

import feeding
from feeding import Case, tap, wait_until
from daemon import Daemon, facts, key_of
from lab import Cluster
from witness import Key

COUNT = 3000
NFACCTD = """daemonize: false
pidfile: {dir}/nfacctd.pid
nfacctd_ip: 127.0.0.1
nfacctd_port: 19997
nfacctd_time_new: false
plugins: print[p]
aggregate[p]: src_host, dst_host, src_port, dst_port, proto, tcpflags, timestamp_start, timestamp_end
print_output[p]: json
print_output_file[p]: {dir}/nfacctd.json
print_output_file_append[p]: true
print_refresh_time[p]: 1
timestamps_rfc3339: true
timestamps_utc: true
"""


def plain(text):
    return text.lower().replace(" ", "")


def moment(milliseconds):
    """So long after the feed's epoch."""
    then = datetime.datetime(2023, 11, 14, 22, 13, 20) + datetime.timedelta(
        milliseconds=milliseconds)
    return then.isoformat(timespec="milliseconds")


def expected(count):
    """What made records n = 1 ... are (feed.c): source, destination, protocol, packets, bytes."""
    rows = {}
    for n in range(1, count + 1):
        protocol = (6, 17, 6, 1)[n % 4]
        v6 = n % 8 == 6
        source = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" if not v6 else
                  f"2001:db8::{0x0a00 | n >> 16 & 255:x}:{n & 0xffff:x}")
        rows[source] = {"protocol": protocol, "packets": n % 1000 + 1,
                        "bytes": (n % 1000 + 1) * 86, "n": n,
                        "flags": 0 if protocol != 6 else 0x13}
    return rows


class Ipfix(Case):
    def start_nfcapd(self):
        os.mkdir(self.path("nf"))
        collector = self.start("nfcapd", "-b", "127.0.0.1", "-p", "19995", "-w", self.path("nf"),
                               "-t", "3600", "-B", "2000000", log="nfcapd.log")
        self.listening(19995, socket.SOCK_DGRAM)
        return collector

    def nfdump(self, count, *arguments, **settings):
        """What nfcapd stored of so many records, which it received without a sequence error."""
        collector = self.start_nfcapd()
        report = self.feed(count, *arguments, "--rate", "20000", type="ipfix",
                           address="udp://127.0.0.1:19995", **{"delay": "5ms", **settings})
        self.assertEqual((report["sent"], report["lost"]), (count, 0))
        wait_until("nfcapd has read everything", lambda: self.waiting(19995) == 0)
        return self.stored(collector)

    def stored(self, collector):
        wait_until("nfcapd has read all", lambda: self.net.run(
            "ss", "-Hlun", "sport = :19995").stdout.split()[1] == "0", 20)
        collector.send_signal(signal.SIGTERM)
        collector.wait(10)
        log = "\n".join(self.lines("nfcapd.log"))
        self.assertRegex(log, r"Sequence Errors: 0, Bad Packets: 0")
        file, = [name for name in os.listdir(self.path("nf")) if name.startswith("nfcapd.2")]
        return json.loads(subprocess.run(
            ["nfdump", "-r", os.path.join(self.path("nf"), file), "-o", "json"],
            env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True).stdout)

    def waiting(self, port):
        """Bytes that have arrived at the UDP port and that nobody has read."""
        return int(self.net.run("ss", "-Huln", f"sport = :{port}").stdout.split()[1])

    def test_nfdump(self):
        """nfcapd stores every flow as it was, with no sequence error"""
        self.check_nfdump(self.nfdump(COUNT))

    def test_refused(self):
        """nobody listens: told; a collector that comes gets templates and every flow"""
        feed = self.start_feed(COUNT, type="ipfix", address="udp://127.0.0.1:19995", delay="5ms")
        self.assertIn("refused; start what listens on this UDP port", feed.stderr.readline())
        collector = self.start_nfcapd()
        report = self.report(feed)
        self.assertEqual((report["sent"], report["lost"]), (COUNT, 0))
        self.assertGreater(report["retried"], 0)
        self.check_nfdump(self.stored(collector))

    def check_nfdump(self, rows):
        wanted = expected(COUNT)
        self.assertEqual(len(rows), COUNT)
        for row in rows:
            source = row.get("src4_addr") or row["src6_addr"]
            want = wanted.pop(source)
            self.assertEqual((row["proto"], row["in_packets"], row["in_bytes"]),
                             (want["protocol"], want["packets"], want["bytes"]), row)
            if want["protocol"] == 6:
                self.assertEqual(row["tcp_flags"], "...A..SF", row)
            self.assertEqual((row["first"], row["last"]),
                             (moment(want["n"] - 500), moment(want["n"] - 1)), row)
        self.assertEqual(wanted, {})

    def test_nfacctd(self):
        """nfacctd reads addresses, ports, flags, counts and times"""
        self.start("nfacctd", "-f", self.path("nfacctd.conf", NFACCTD.format(
            dir=self.lab.directory)), log="nfacctd.log")
        self.listening(19997, socket.SOCK_DGRAM)
        self.feed(1000, "--rate", "5000", type="ipfix", address="udp://127.0.0.1:19997",
                  delay="5ms")
        wait_until("nfacctd has written all",
                   lambda: len(self.lines("nfacctd.json")) >= 1000, 20)
        wanted = expected(1000)
        for line in self.lines("nfacctd.json"):
            row = json.loads(line)
            want = wanted.pop(row["ip_src"])
            self.assertEqual((row["packets"], row["bytes"]), (want["packets"], want["bytes"]), row)
            self.assertEqual(int(row["tcp_flags"], 0), want["flags"], row)
            self.assertEqual((row["timestamp_start"][:23], row["timestamp_end"][:23]),
                             (moment(want["n"] - 500), moment(want["n"] - 1)), row)
        self.assertEqual(wanted, {})

    def test_tshark(self):
        """tshark decodes every element of every record"""
        capture = self.path("ipfix.pcap")
        dump = self.start("tcpdump", "-i", "lo", "-w", capture, "-U", "--immediate-mode", "udp",
                          log="dump.log")
        wait_until("tcpdump listens", lambda: "listening" in "".join(self.lines("dump.log")), 10)
        sink = self.socket(socket.SOCK_DGRAM, 4739)
        self.feed(64, "--mix", "1", type="ipfix", address="udp://127.0.0.1:4739",
                  enterprise="32999")
        wait_until("the capture has all", lambda: self.flows(self.decoded(capture)) == 64, 20)
        dump.terminate()
        dump.wait(5)
        sink.close()
        text = self.decoded(capture)
        for bad in ("Malformed", "Unknown", "No template"):
            self.assertFalse(bad in text, bad)
        for word in ("Octets: 258", "Packets: 3", "Protocol: UDP (17)", "StartTime: ", "EndTime: ",
                     "TCP Flags: 0x13", "InputInt: 2", "Vlan Id: 0", "IfName: veth1",
                     "Flow End Reason: End of Flow detected (3)", "Sampling interval: 1",
                     "Layer 2 Octet Delta Count: 300", "Flow Id: 1",
                     "Dropped Packets: 3", "Selector Id: 1",
                     "Selector Algorithm: Uniform probabilistic Sampling (4)", "Sampling Packet Interval: 1",
                     "Sampling Packet Space: 0", "Sampling Probability: 1",
                     "Sampling interval: 4", "Selector Id: 4", "Sampling Packet Space: 3",
                     "Sampling Probability: 0.25"):
            self.assertTrue(plain(word) in plain(text), word)
        self.assertEqual(set(re.findall(r"Enterprise Private entry: .*?Type (\d+):", text)),
                         {str(number) for number in range(1, 15)})
        for fact in ("NETFILTER_DROP", "nft_do_chain", "example.com.", "timeout"):
            self.assertTrue(fact.encode().hex(" ") in text, fact)

    def test_biflow(self):
        """both directions in one record: nfdump has them as one flow with both counts"""
        rows = self.nfdump(2000, "--pairs", "1", "--start", "2", biflow="true", delay="10ms")
        both = [row for row in rows if row.get("out_packets")]
        self.assertGreater(len(both), 900) # a batch may end between the two
        self.assertEqual(len(rows) + len(both), 2000)
        for row in both:
            n = (int(row["last"][-3:]) + 1) % 1000
            self.assertEqual((row["in_packets"], row["out_packets"]), (n % 1000 + 1,) * 2, row)
            self.assertEqual(row["out_bytes"], 10 * row["in_bytes"], row)
            self.assertEqual(row["dst_port"], 443, row)

    def test_biflow_traffic(self):
        """connections that flowd saw: each is one flow with both counts at its start and end"""
        self.lab.close()
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.net = self.lab.node
        collector = self.start_nfcapd()
        daemon = Daemon(self.lab, self.net, ["web", "client"], {
            "export.0.type": "ipfix", "export.0.address": "udp://127.0.0.1:19995",
            "export.0.biflow": "true", "export.0.filter": "--protocol tcp --not --type drop"}).ready()
        self.lab.start(self.lab.web, "python3", "-m", "http.server", "--bind", self.lab.WEB4, "80",
                       cwd=self.lab.directory, stdout=-3, stderr=-3)
        wait_until("the server listens", lambda: self.lab.web.run(
            "ss", "-Hltn", "sport = :80").stdout, 10)
        for _ in range(10):
            self.lab.client.run("curl", "-s", f"http://{self.lab.WEB4}/")
        ended = ("--where", "kind=flow_end", "--protocol", "tcp", "--all")
        wait_until("all have ended", lambda: len(daemon.records(*ended)) == 20, 20)
        totals = {key_of(flow): int(facts(flow)["total_packets"])
                  for flow in daemon.records(*ended)}
        self.assertEqual(daemon.stop(), 0)
        found = {}
        for row in self.stored(collector):
            self.assertEqual((row["src4_addr"], row["dst_port"]), (self.lab.CLIENT4, 80), row)
            counts = found.setdefault(row["src_port"], [0, 0])
            counts[0] += row["in_packets"]
            counts[1] += row["out_packets"]
        self.assertEqual(found, {key.sport: [count, totals[Key(
            key.dst, key.src, 6, key.dport, key.sport)]] for key, count in totals.items()
            if key.dport == 80})

    def test_biflow_alone(self):
        """without partner a direction goes as it is; counts of sampled packets are not scaled"""
        rows = self.nfdump(200, "--mix", "1", biflow="true")
        self.assertEqual(len(rows), 200)
        self.assertEqual({row.get("out_packets", 0) for row in rows}, {0})
        self.assertEqual({row["in_packets"] for row in rows if row["src_port"] == 40000}, {0, 12})

    @staticmethod
    def flows(text):
        return text.count("Flow End Reason: ")

    @staticmethod
    def decoded(capture):
        return subprocess.run(["tshark", "-r", capture, "-d", "udp.port==4739,cflow", "-V"],
                              capture_output=True, text=True, check=False).stdout

    def socket(self, kind, port):
        with self.net:
            made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            made.listen(1)
        return made

    def test_tcp(self):
        """over TCP: messages are whole, sequence numbers count the data records before"""
        listener = self.socket(socket.SOCK_STREAM, 4739)
        feed = self.start_feed(COUNT, type="ipfix", address="tcp://127.0.0.1:4739")
        connection, _ = listener.accept()
        data = b""
        while True:
            more = connection.recv(1 << 20)
            if not more:
                break
            data += more
        self.assertEqual(self.report(feed)["sent"], COUNT)
        self.check_messages(data)

    def check_messages(self, data):
        lengths, records = {}, {0: 0, 1: 0}
        while data:
            version, length, _, sequence, domain = struct.unpack("!HHIII", data[:16])
            self.assertEqual((version, sequence), (10, records[domain]))
            message, data = data[16:length], data[length:]
            while message:
                kind, size = struct.unpack("!HH", message[:4])
                body, message = message[4:size], message[size:]
                if kind in (2, 3):
                    self.read_templates(body, kind == 3, lengths)
                else:
                    records[domain] += self.count_records(body, lengths[kind])
        self.assertEqual(records, {0: 2, 1: COUNT}) # an interface's name, a selector

    def test_tls(self):
        """over TLS with our certificate the same messages come; without it none"""
        self.pki()
        context = self.mutual_tls()
        listener = self.socket(socket.SOCK_STREAM, 4740)
        feed = self.start_feed(COUNT, type="ipfix", address="tls://localhost:4740",
                               ca=self.path("ca.crt"), cert=self.path("client.crt"),
                               key=self.path("client.key"))
        connection = context.wrap_socket(listener.accept()[0], server_side=True)
        self.assertEqual(connection.getpeercert()["subject"][0][0], ("commonName", "node-a"))
        data = b""
        while more := connection.recv(1 << 20):
            data += more
        self.assertEqual(self.report(feed)["sent"], COUNT)
        self.check_messages(data)

    @staticmethod
    def count_records(body, sizes):
        """Fields of 65535 bytes begin with their length (RFC 7011, 7)."""
        count = 0
        while body:
            for size in sizes:
                size = body[0] + 1 if size == 65535 else size
                assert len(body) >= size
                body = body[size:]
            count += 1
        return count

    @staticmethod
    def read_templates(body, is_options, lengths):
        while len(body) >= 4:
            identifier, count = struct.unpack("!HH", body[:4])
            body = body[6 if is_options else 4:]
            lengths[identifier] = []
            for _ in range(count):
                element, size = struct.unpack("!HH", body[:4])
                body = body[8 if element & 0x8000 else 4:]
                lengths[identifier].append(size)


if __name__ == "__main__":
    assert feeding
    tap.main()
