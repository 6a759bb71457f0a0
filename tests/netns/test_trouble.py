#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What goes wrong between two hosts, on purpose: the event, the flow's row and `flowcli why`."""
import itertools
import os
import re
import shutil
import socket
import struct
import subprocess
import unittest

import tap
import traffic
from daemon import FLOWCLI, TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from traffic import send_udp
from witness import Key

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
KERNEL = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
FOREIGN = os.environ.get("FLOWD_FOREIGN_BPF", "")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def send_bad_tcp(namespace, source, address, port):
    """A SYN whose checksum is wrong; returns its source port."""
    segment = struct.pack("!HHIIBBHHH", 4321, port, 1, 0, 0x50, 2, 8192, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack(
        "!BBH", 0, TCP, len(segment))
    wrong = checksum(pseudo + segment) ^ 0x5555
    segment = segment[:16] + struct.pack("!H", wrong) + segment[18:]
    with namespace, socket.socket(socket.AF_INET, socket.SOCK_RAW, TCP) as sender:
        sender.sendto(segment, (address, 0))
    return 4321


class Trouble(unittest.TestCase):
    """One routed lab and one daemon; a port of its own for each test, which mends what it broke."""
    ports = itertools.count(2001)

    @classmethod
    def setUpClass(cls):
        cls.lab = Routed()
        cls.addClassCleanup(cls.lab.close)
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["client", "server"],
                            {"flow.active_timeout": "1s"}).ready()

    def setUp(self):
        self.port = next(self.ports)
        for namespace in (self.lab.client, self.lab.node, self.lab.server):
            self.addCleanup(namespace.run, "nft", "flush", "ruleset")

    def drop(self, key, reasons):
        """The facts of the first drop event of `key` whose reason is one of `reasons`."""
        def look():
            return next((facts(flow) for flow in self.daemon.incidents("--all", "-t", "drop")
                         if key_of(flow) == key and facts(flow)["drop"]["reason"] in reasons), None)
        found = wait_until(f"drop of {key} by {reasons}", look, 10 * TIME_SCALE)
        self.assertTrue(found["drop"]["site"])
        return found

    def row(self, key, reasons):
        """The flow's row that tells of the drops."""
        def look():
            rows = [flow for flow in self.daemon.flows() if key_of(flow) == key and
                    {drop.get("reason") for drop in facts(flow).get("drops", [])} & set(reasons)]
            return rows[-1] if rows else None
        return wait_until(f"row of {key} with {reasons}", look, 10 * TIME_SCALE)

    def why(self, destination, wanted, source=Routed.CLIENT4):
        """`flowcli why` says what is wanted, and that it found something."""
        def look():
            done = self.daemon.cli("why", "-q", source, destination)
            return done.returncode == 0 and re.search(wanted, done.stdout)
        wait_until(f"why says {wanted}", look, 10 * TIME_SCALE)

    def udp_key(self, port, source_port, address=Routed.SERVER4, source=Routed.CLIENT4):
        return Key(source, address, UDP, source_port, port)

    def in_namespace(self, found, namespace):
        self.assertEqual(found["netns"]["inode"], os.fstat(namespace.fd).st_ino)

    # ---- firewalls

    def firewall(self, namespace, hook, why, sees_row=True):
        namespace.drop(f"udp dport {self.port}", hook)
        try:
            port = send_udp(self.lab.client, self.lab.SERVER4, self.port, count=3)
        except PermissionError:  # the sender is told when its own output hook drops
            port = None
        if port is None:
            flow = wait_until("drop event", lambda: self.daemon.incidents(
                "--all", "-t", "drop", "--to-port", str(self.port)), 10 * TIME_SCALE)[0]
            key, found = key_of(flow), facts(flow)
        else:
            key = self.udp_key(self.port, port)
            found = self.drop(key, ["NETFILTER_DROP"])
        self.assertEqual(found["drop"]["reason"], "NETFILTER_DROP")
        self.assertEqual(found["drop"]["hook"], hook)
        self.in_namespace(found, namespace)
        if int(self.daemon.status()["ledger"]["firewalls_named"]):
            self.assertEqual((found["drop"]["table"], found["drop"]["chain"]), ("lab", "c"))
        if sees_row:
            row = self.row(key, ["NETFILTER_DROP"])
            self.assertEqual(row["verdict"], "DROPPED")
            self.assertEqual(int(facts(row)["dropped"]), 3)
        self.why(f"{self.lab.SERVER4}:{self.port}", why)

    def test_nft_input(self):
        """nftables, hook input of the server: event, row and why name it"""
        self.firewall(self.lab.server, "input", r"3 packets from .* dropped.* by nftables \(hook input")

    def test_nft_forward(self):
        """nftables, hook forward of the router"""
        self.firewall(self.lab.node, "forward", r"dropped.* by nftables \(hook forward")

    def test_nft_prerouting(self):
        """nftables, hook prerouting of the router"""
        self.firewall(self.lab.node, "prerouting", r"by nftables \(hook prerouting")

    def test_nft_postrouting(self):
        """nftables, hook postrouting of the router"""
        self.firewall(self.lab.node, "postrouting", r"by nftables \(hook postrouting")

    def test_nft_output(self):
        """nftables, hook output of the client: an event, and no row, because no packet left"""
        self.firewall(self.lab.client, "output", r"by nftables \(hook output", sees_row=False)
        self.assertEqual(self.daemon.flows("--all", "--to-port", str(self.port)), [])

    @unittest.skipUnless(shutil.which("iptables-legacy"), "iptables is not here")
    def test_iptables(self):
        """iptables of old, table filter, chain INPUT of the server"""
        self.addCleanup(self.lab.server.run, "iptables-legacy", "-F", check=False)
        done = self.lab.server.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", str(self.port),
                                   "-j", "DROP", check=False)
        if done.returncode:
            self.skipTest(f"no iptables in this kernel: {done.stderr.strip()}")
        key = self.udp_key(self.port, send_udp(self.lab.client, self.lab.SERVER4, self.port))
        self.assertEqual(self.drop(key, ["NETFILTER_DROP"])["drop"]["hook"], "input")
        self.row(key, ["NETFILTER_DROP"])
        self.why(f"{self.lab.SERVER4}:{self.port}", r"by (netfilter|iptables) \(hook input")

    def test_conntrack_full(self):
        """a connection tracking table that is full: the firewall hook that tracks drops"""
        limit = "/proc/sys/net/netfilter/nf_conntrack_max"
        if os.environ.get("FLOWD_TEST_TIME_SCALE") is None or not os.access(limit, os.W_OK):
            self.skipTest("the limit is that of the whole machine: only in a guest")
        with open(limit, encoding="ascii") as file:
            before = file.read()
        self.addCleanup(lambda: open(limit, "w", encoding="ascii").write(before))
        self.lab.server.run("nft", "-f", "-", input=(
            "table inet track {\n chain c {\n  type filter hook input priority 0;\n"
            "  ct state new accept\n }\n}\n"))
        with open(limit, "w", encoding="ascii") as file:
            file.write("1")
        ports = [send_udp(self.lab.client, self.lab.SERVER4, self.port) for _ in range(8)]
        def look():
            return [facts(flow) for flow in self.daemon.incidents("--all", "-t", "drop",
                                                                  "--to-port", str(self.port))
                    if facts(flow)["drop"]["reason"] == "NETFILTER_DROP"]
        found = wait_until("drop event", look, 10 * TIME_SCALE)
        self.assertEqual(found[0]["drop"]["hook"], "prerouting")
        self.in_namespace(found[0], self.lab.server)
        self.assertTrue(ports)
        self.why(f"{self.lab.SERVER4}:{self.port}", r"by netfilter \(hook prerouting")

    # ---- routing

    def test_rp_filter(self):
        """a source address that does not belong behind that interface"""
        for name in ("all", "client"):
            self.lab.node.set_sysctl(f"net/ipv4/conf/{name}/rp_filter", 1)
            self.addCleanup(self.lab.node.set_sysctl, f"net/ipv4/conf/{name}/rp_filter", 0)
        self.lab.client.run("ping", "-c", 1, "-W", 2, "10.98.1.1")  # the router answers ARP before
        self.lab.client.ip("addr", "add", "10.98.2.77/32", "dev", "lo")
        port = send_udp(self.lab.client, self.lab.SERVER4, self.port, source="10.98.2.77")
        key = self.udp_key(self.port, port, source="10.98.2.77")
        self.drop(key, ["IP_RPFILTER"])
        self.row(key, ["IP_RPFILTER"])
        self.why(f"{self.lab.SERVER4}:{self.port}", "rp_filter", source="10.98.2.77")

    def test_no_route(self):
        """a destination that the router has no route to"""
        key = self.udp_key(self.port, send_udp(self.lab.client, "10.97.0.1", self.port), "10.97.0.1")
        self.drop(key, ["IP_INNOROUTES", "IP_INADDRERRORS"])
        self.row(key, ["IP_INNOROUTES", "IP_INADDRERRORS"])
        self.why(f"10.97.0.1:{self.port}", "no route|not valid here|DestinationUnreachable")

    def test_ttl(self):
        """a TTL that runs out at the router"""
        key = self.udp_key(self.port, send_udp(self.lab.client, self.lab.SERVER4, self.port, ttl=1))
        self.drop(key, ["IP_INHDR", "NOT_SPECIFIED"])
        self.row(key, ["IP_INHDR", "NOT_SPECIFIED"])
        self.why(f"{self.lab.SERVER4}:{self.port}", "TimeExceeded")

    def test_mtu(self):
        """a packet larger than the next link, not to be fragmented"""
        self.lab.node.ip("link", "set", "server", "mtu", 1000)
        self.addCleanup(self.lab.node.ip, "link", "set", "server", "mtu", 1500)
        port = send_udp(self.lab.client, self.lab.SERVER4, self.port, size=1200, dont_fragment=True)
        key = self.udp_key(self.port, port)
        self.drop(key, ["PKT_TOO_BIG"])
        self.row(key, ["PKT_TOO_BIG"])
        self.why(f"{self.lab.SERVER4}:{self.port}", "larger than the MTU")

    def test_path_mtu(self):
        """a link on the way that is too small for TCP: dropped, told, sent again"""
        self.lab.node.ip("link", "set", "server", "mtu", 1000)
        self.addCleanup(self.lab.node.ip, "link", "set", "server", "mtu", 1500)
        self.addCleanup(self.lab.client.ip, "route", "flush", "cache")
        port = traffic.tcp(self.lab.client, self.lab.server, self.lab.SERVER4, self.port, 20000, 100)
        self.row(Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, port, self.port), ["PKT_TOO_BIG"])
        self.why(f"{self.lab.SERVER4}:{self.port}",
                 r": path MTU: \d+ full-size segments? retransmitted, ICMP too-big seen from 10.98.1.1")

    def test_silence(self):
        """a destination that answers nothing: another machine, of which this node knows nothing"""
        far = self.lab.namespace()  # not among those that the daemon is asked about
        self.lab.node.ip("link", "add", "far", "type", "veth", "peer", "name", "eth0", "netns", far.path)
        self.addCleanup(self.lab.node.ip, "link", "del", "far")
        self.lab.node.ip("addr", "add", "10.98.3.1/24", "dev", "far")
        self.lab.node.ip("link", "set", "far", "up")
        far.ip("addr", "add", "10.98.3.2/24", "dev", "eth0")
        far.ip("link", "set", "eth0", "up")
        far.drop("meta l4proto tcp")
        self.assertTrue(traffic.dropped(self.lab.client, "10.98.3.2", self.port, 1.5 * TIME_SCALE))
        self.why(f"10.98.3.2:{self.port}", r": SYN left 10.98.1.2 \d+ times?; no answer and no drop seen "
                 "on this node: look at 10.98.3.2's node")

    def test_neighbour(self):
        """a next hop that does not answer for its link address"""
        for name, value in (("mcast_solicit", 1), ("retrans_time_ms", 100)):
            self.lab.node.set_sysctl(f"net/ipv4/neigh/server/{name}", value)
        key = self.udp_key(self.port, send_udp(self.lab.client, "10.98.2.99", self.port), "10.98.2.99")
        self.drop(key, ["NEIGH_FAILED"])
        self.row(key, ["NEIGH_FAILED"])
        self.why(f"10.98.2.99:{self.port}", "link address")

    # ---- sockets

    def test_closed_udp_port(self):
        """a UDP port where nobody listens"""
        key = self.udp_key(self.port, send_udp(self.lab.client, self.lab.SERVER4, self.port))
        self.drop(key, ["NO_SOCKET"])
        self.row(key, ["NO_SOCKET"])
        self.why(f"{self.lab.SERVER4}:{self.port}", "nothing listens on the port")

    def test_closed_tcp_port(self):
        """a TCP port where nobody listens: drop, reset sent and received, failed connect"""
        self.assertTrue(traffic.refused(self.lab.client, self.lab.SERVER4, self.port))
        flow = wait_until("drop event", lambda: self.daemon.incidents(
            "--all", "-t", "drop", "--to-port", str(self.port)), 10 * TIME_SCALE)[0]
        key = key_of(flow)
        self.assertEqual(facts(flow)["drop"]["reason"], "NO_SOCKET")
        self.row(key, ["NO_SOCKET"])
        def told():
            return {(facts(event)["kind"], facts(event)["tcp"].get("reset"),
                     facts(event)["tcp"].get("error"))
                    for event in self.daemon.incidents("--all", "-t", "tcp")}
        wanted = {("tcp_reset", "received", None), ("tcp_connect", None, "ECONNREFUSED")}
        if KERNEL >= (6, 10):  # before, a reset without a socket passes no tracepoint
            wanted.add(("tcp_reset", "sent", None))
        wait_until(f"events {wanted}", lambda: wanted <= told(), 10 * TIME_SCALE)
        self.why(f"{self.lab.SERVER4}:{self.port}", "answered by RST .* nothing listens")

    def test_socket_buffer(self):
        """a program that does not read: its socket's buffer runs over"""
        with self.lab.server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            server.bind((self.lab.SERVER4, self.port))
            port = send_udp(self.lab.client, self.lab.SERVER4, self.port, size=1000, count=20)
            key = self.udp_key(self.port, port)
            found = self.drop(key, ["SOCKET_RCVBUFF"])
            self.row(key, ["SOCKET_RCVBUFF"])
        self.in_namespace(found, self.lab.server)
        self.why(f"{self.lab.SERVER4}:{self.port}", "buffer was full")

    def test_checksum(self):
        """a segment whose checksum is wrong"""
        with self.lab.server:
            listener = socket.create_server((self.lab.SERVER4, self.port))
        with listener:
            port = send_bad_tcp(self.lab.client, self.lab.CLIENT4, self.lab.SERVER4, self.port)
            key = Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, port, self.port)
            self.drop(key, ["TCP_CSUM"])
            self.row(key, ["TCP_CSUM"])
        self.why(f"{self.lab.SERVER4}:{self.port}", "checksum is wrong")

    def test_backlog(self):
        """a program that does not accept: its listening socket's queue is full"""
        self.lab.start(self.lab.server, "sleep", 60)  # the namespace is found by its processes
        with self.lab.server:
            listener = socket.socket()
            listener.bind((self.lab.SERVER4, self.port))
            listener.listen(1)
        clients = []
        for _ in range(6):
            with self.lab.client:
                clients.append(socket.socket())
            clients[-1].setblocking(False)
            clients[-1].connect_ex((self.lab.SERVER4, self.port))
        def look():
            return [flow for flow in self.daemon.incidents()
                    if facts(flow)["kind"] == "tcp_overflow"]
        flow = wait_until("overflow event", look, 15 * TIME_SCALE)[0]
        self.assertEqual((flow["IP"]["source"], flow["l4"]["TCP"]["source_port"]),
                         (self.lab.SERVER4, self.port))
        self.in_namespace(facts(flow), self.lab.server)
        inode = os.fstat(self.lab.server.fd).st_ino
        self.assertGreater(int(self.daemon.status()["ledger"][
            f"netns.{inode}.TcpExt.ListenOverflows"]), 0)
        self.why(f"{self.lab.SERVER4}:{self.port}", "queue of the socket that listens .* was full")
        for client in clients + [listener]:
            client.close()

    def test_retransmit(self):
        """data that is lost on the way: retransmissions by kind, in events and in the row"""
        pair = traffic.TcpPair(self.lab.client, self.lab.server, self.lab.SERVER4, self.port)
        self.lab.node.drop(f"tcp dport {self.port}", "forward")
        pair.client.send(bytes(1000))
        key = Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, pair.port, self.port)
        def look():
            return [facts(flow)["tcp"] for flow in self.daemon.incidents("--all", "-t", "tcp")
                    if key_of(flow) == key and facts(flow)["kind"] == "tcp_retransmit"]
        told = wait_until("three retransmissions", lambda: len(look()) > 2 and look(),
                          10 * TIME_SCALE)
        self.assertIn("rto", [event["retransmit"] for event in told])
        def row():
            rows = [facts(flow)["tcp"] for flow in self.daemon.flows() if key_of(flow) == key]
            return rows and rows[-1].get("total_retransmits", 0) > 2
        wait_until("row with retransmissions", row, 10 * TIME_SCALE)
        self.assertTrue(self.daemon.flows("--all", "--retransmits", "3"))
        self.why(f"{self.lab.SERVER4}:{self.port}", r"retransmitted \d+ of|hook forward")
        self.assertIn(str(self.port), self.daemon.cli("tcp", "-q").stdout)
        pair.client.close()
        pair.server.close()

    def test_socket_rtt(self):
        """the row of a connection has the handshake and the socket's round trip times"""
        port = traffic.tcp(self.lab.client, self.lab.server, self.lab.SERVER4, self.port, 5000, 50000)
        flows = self.daemon.ended(Key(self.lab.CLIENT4, self.lab.SERVER4, TCP, port, self.port))
        tcp = facts(flows[-1])["tcp"]
        self.assertGreater(int(tcp["handshake_rtt_ns"]), 0)
        self.assertGreater(int(tcp["srtt_ns"]["avg"]), 0)
        self.assertLessEqual(int(tcp["srtt_ns"]["min"]), int(tcp["srtt_ns"]["max"]))

    # ---- captures

    def capture(self, namespace, name, *arguments):
        """`flowcli capture` in the namespace, once it captures; (process, file)."""
        path = os.path.join(self.lab.directory, name)
        process = self.lab.start(namespace, FLOWCLI, "capture", "-w", path, *arguments,
                                 env=self.daemon.environment, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        self.assertIn("capturing on", line)
        return process, path

    def tshark(self, path, *fields):
        if not shutil.which("tshark"):
            self.skipTest("tshark is not here")
        arguments = [word for field in fields for word in ("-e", field)]
        shown = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", *arguments],
                               capture_output=True, text=True, check=False)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return [line.split("\t") for line in shown.stdout.splitlines()]

    def test_black_box(self):
        """capture --on drop: the flow's packets, with what happened as their comment"""
        process, path = self.capture(self.lab.node, "box.pcapng", "-i", "client", "--on", "drop",
                                     "-c", "2", "--duration", "20s")
        send_udp(self.lab.client, self.lab.SERVER4, 9999)  # nobody listens: another drop
        self.lab.node.drop(f"udp dport {self.port}", "forward")
        source = send_udp(self.lab.client, self.lab.SERVER4, self.port, count=3)
        self.assertEqual(process.wait(30 * TIME_SCALE), 0, process.stderr.read())
        packets = self.tshark(path, "udp.srcport", "udp.dstport", "frame.comment")
        ours = [packet for packet in packets if packet[1] == str(self.port)]
        self.assertEqual([packet[1] for packet in packets].count("9999"), 1)
        for packet in packets:
            self.assertIn("flowd: DROPPED", packet[2])
        self.assertEqual([packet[0] for packet in ours], [str(source)] * 3)
        self.assertIn("NETFILTER_DROP", ours[0][2])

    def test_plain_capture(self):
        """capture with an expression and a limit, as pcapng and as pcap; tshark reads both"""
        for form in ("pcapng", "pcap"):
            process, path = self.capture(self.lab.node, f"plain.{form}", "-i", "client",
                                         "--format", form, "-c", "2", "--duration", "20s",
                                         "udp", "dst", "port", str(self.port))
            send_udp(self.lab.client, self.lab.SERVER4, 9999)
            send_udp(self.lab.client, self.lab.SERVER4, self.port, count=5)
            self.assertEqual(process.wait(30 * TIME_SCALE), 0)
            self.assertIn("complete: 2 packets", process.stderr.read())
            self.assertEqual(self.tshark(path, "udp.dstport"), [[str(self.port)]] * 2)

    def test_rotation(self):
        """capture in several files, of which the oldest is written over"""
        process, path = self.capture(self.lab.node, "many.pcapng", "-i", "client", "-c", "60",
                                     "--rotate", "2000", "--files", "3", "--duration", "20s",
                                     "udp", "dst", "port", str(self.port))
        send_udp(self.lab.client, self.lab.SERVER4, self.port, size=100, count=70)
        self.assertEqual(process.wait(30 * TIME_SCALE), 0)
        counts = [len(self.tshark(name, "udp.dstport")) for name in (path, path + ".1", path + ".2")]
        self.assertFalse(os.path.exists(path + ".3"))
        self.assertLess(sum(counts), 60)
        self.assertGreater(min(counts), 0)

    # ---- floods

    def test_flood(self):
        """a flood of one reason is limited and counted, and does not hide another reason"""
        self.lab.server.drop(f"udp dport {self.port}")
        send_udp(self.lab.client, self.lab.SERVER4, self.port, count=20000)
        key = self.udp_key(9, send_udp(self.lab.client, self.lab.SERVER4, 9))
        self.drop(key, ["NO_SOCKET"])
        def suppressed():
            return int(self.daemon.status()["ledger"]["events_suppressed"])
        wait_until("suppressed events are counted", suppressed, 5 * TIME_SCALE)

    # ---- other people's programs

    def foreign(self, *command):
        if not FOREIGN:
            self.skipTest("FLOWD_FOREIGN_BPF does not name the programs of drop_all.bpf.c")
        self.lab.server.run(*command)
        return self.udp_key(9, send_udp(self.lab.client, self.lab.SERVER4, 9))

    def test_tc_program(self):
        """somebody else's tc program at the server's interface"""
        self.addCleanup(self.lab.server.run, "tc", "qdisc", "del", "dev", "eth0", "clsact")
        self.foreign("tc", "qdisc", "add", "dev", "eth0", "clsact")
        key = self.foreign("tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "da", "obj",
                           FOREIGN, "sec", "tc")
        self.drop(key, ["TC_INGRESS", "NOT_SPECIFIED"])
        self.row(key, ["TC_INGRESS", "NOT_SPECIFIED"])
        self.why(f"{self.lab.SERVER4}:9", "dropped.*(TC_INGRESS|at )")

    def test_xdp_program(self):
        """somebody else's XDP program at the server's interface, in the driver"""
        self.addCleanup(self.lab.server.ip, "link", "set", "eth0", "xdp", "off")
        key = self.foreign("ip", "link", "set", "eth0", "xdp", "obj", FOREIGN, "sec", "xdp")
        found = self.drop(key, ["XDP", "NOT_SPECIFIED"])
        self.row(key, ["XDP", "NOT_SPECIFIED"])
        self.why(f"{self.lab.SERVER4}:9", "dropped.*an XDP program dropped it")
        self.in_namespace(found, self.lab.server)
        send_udp(self.lab.client, self.lab.SERVER4, 10)
        def look():
            return [facts(flow) for flow in self.daemon.incidents()
                    if facts(flow)["kind"] == "xdp_error"]
        failed = wait_until("XDP failure", look, 10 * TIME_SCALE)[0]
        self.assertEqual(failed["drop"]["reason"], "XDP_ABORTED")
        self.assertEqual(failed["observed"][0]["interface"], "eth0")
        self.in_namespace(failed, self.lab.server)


if __name__ == "__main__":
    tap.main()
