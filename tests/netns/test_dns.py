#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real questions to real servers: every one seen, named and timed."""
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts
from lab import Cluster, wait_until

QUICK = {"dns.timeout": "1s", "flow.drain_interval": "100ms"}


class Servers(Cluster):
    """The cluster with dnsmasq in pod `web` and unbound, which asks dnsmasq, on the node."""

    DNSMASQ = ["no-resolv", "no-hosts", "user=root", "bind-interfaces", "listen-address=10.99.0.2",
               "listen-address=fd99::2", "local-ttl=30", "auth-ttl=30", "max-cache-ttl=30",
               "host-record=web.test,10.99.0.2,fd99::2,30", "cname=www.test,web.test,30",
               "cname=shop.test,www.test,30", "local=/test/", "edns-packet-max=4096"]
    LONG = 120  # addresses of long.test: an answer beyond any MTU

    def serve(self):
        path = os.path.join(self.directory, "dnsmasq.conf")
        hosts = os.path.join(self.directory, "hosts")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self.DNSMASQ) + f"\naddn-hosts={hosts}\n")
        with open(hosts, "w", encoding="ascii") as file:
            file.writelines(f"10.98.0.{number} long.test\n" for number in range(1, self.LONG + 1))
        self.start(self.web, "dnsmasq", "--keep-in-foreground", f"--conf-file={path}", "--pid-file=",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for_server("10.99.0.2")

    def resolve(self):
        """A resolver on the node, which asks dnsmasq; that one refuses what is not below test."""
        path = os.path.join(self.directory, "unbound.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(
                f'server:\n interface: 10.99.0.1\n access-control: 10.99.0.0/24 allow\n username: ""\n'
                f' chroot: ""\n directory: "{self.directory}"\n pidfile: "{self.directory}/unbound.pid"\n'
                ' use-syslog: no\n do-daemonize: no\n do-ip6: no\n module-config: "iterator"\n'
                ' local-zone: "test." nodefault\n'
                'remote-control:\n control-enable: no\n'
                'forward-zone:\n name: "test."\n forward-addr: 10.99.0.2\n'
                'forward-zone:\n name: "broken."\n forward-addr: 10.99.0.2\n')
        self.start(self.node, "unbound", "-d", "-p", "-c", path, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
        self.wait_for_server("10.99.0.1")

    def wait_for_server(self, address):
        def answers():
            return "status:" in self.dig("web.test", server=address)
        wait_until(f"a DNS server at {address}", answers, 10 * TIME_SCALE)

    def dig(self, *question, server="10.99.0.2"):
        return self.client.run("dig", "+time=3", "+tries=1", f"@{server}", *question, check=False).stdout


def query(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class Case(unittest.TestCase):
    def setUp(self):
        self.lab = Servers()
        self.addCleanup(self.lab.close)

    def watch(self, **settings):
        self.daemon = Daemon(self.lab, self.lab.node, ["web", "client"], {**QUICK, **settings}).ready()

    def messages(self, name, *arguments):
        """DNS records of a name, oldest first."""
        return self.daemon.records("--all", "--dns-query", f"^{name}\\.$", *arguments)

    def exchange(self, name, seconds=5):
        """The last query of a name and its answer."""
        def look():
            found = self.messages(name)
            return found[-2:] if found and found[-1].get("l7", {}).get("type") == "RESPONSE" else None
        return wait_until(f"answer for {name}", look, seconds * TIME_SCALE)


class Dnsmasq(Case):
    def setUp(self):
        super().setUp()
        self.lab.serve()
        self.watch()

    def test_addresses(self):
        """A and AAAA, as Hubble tells them"""
        self.lab.dig("web.test", "A")
        request, response = self.exchange("web.test")
        self.assertEqual(request["l7"], {"type": "REQUEST", "dns": {
            "query": "web.test.", "observation_source": "flowd", "qtypes": ["A"]}})
        latency = int(response["l7"].pop("latency_ns"))
        self.assertTrue(1000 < latency < 1e9 * TIME_SCALE, latency)
        self.assertEqual(response["l7"], {"type": "RESPONSE", "dns": {
            "query": "web.test.", "ips": ["10.99.0.2"], "ttl": 30, "observation_source": "flowd",
            "qtypes": ["A"], "rrtypes": ["A"]}})
        self.assertEqual((response["Type"], response["event_type"], response["is_reply"]),
                         ("L7", {"type": 129}, True))
        self.assertEqual((facts(response)["dns"]["server"], facts(response)["dns"]["transport"]),
                         ("10.99.0.2", "UDP"))
        self.assertEqual(facts(request)["observed"],
                         [{"direction": "INGRESS", "hook": "tc", "interface": "client"}])
        self.lab.dig("web.test", "AAAA", server="fd99::2")
        wait_until("AAAA", lambda: any(flow.get("l7", {}).get("dns", {}).get("ips") == ["fd99::2"]
                                       for flow in self.messages("web.test")))

    def test_names(self):
        """the client's flows have the name that it asked for, through two aliases; no one else's"""
        self.lab.dig("shop.test", "A")
        response = self.exchange("shop.test")[1]["l7"]["dns"]
        self.assertEqual(response["cnames"], ["www.test.", "web.test."])
        self.assertEqual(response["rrtypes"], ["CNAME", "CNAME", "A"])
        traffic.tcp(self.lab.client, self.lab.web, self.lab.WEB4, 8080)
        traffic.tcp(self.lab.node, self.lab.web, self.lab.WEB4, 8081)
        named = wait_until("flow by name", lambda: self.daemon.flows("--all", "--to-fqdn", "shop.*",
                                                                     "--port", "8080"))
        self.assertEqual(named[0]["destination_names"][0], "shop.test")
        back = wait_until("its way back", lambda: self.daemon.flows("--all", "--from-fqdn", "SHOP.test.",
                                                                    "--port", "8080"))
        self.assertEqual(back[0]["source_names"][0], "shop.test")
        others = wait_until("the node's flow", lambda: self.daemon.flows("--all", "--port", "8081"))
        self.assertFalse(any("destination_names" in flow or "source_names" in flow for flow in others))
        shown = self.daemon.cli("observe", "--all", "--to-port", "8080").stdout
        self.assertIn("-> shop.test:8080 (", shown)

    def test_no_such_name(self):
        """NXDOMAIN"""
        self.assertIn("status: NXDOMAIN", self.lab.dig("nope.test"))
        response = self.exchange("nope.test")[1]
        self.assertEqual(response["l7"]["dns"]["rcode"], 3)
        self.assertIn("RCode: Non-Existent Domain TTL: 4294967295 (Query nope.test. A)", response["Summary"])
        self.assertTrue(self.daemon.records("--all", "--rcode", "NXDOMAIN"))
        self.assertFalse(self.daemon.records("--all", "--rcode", "SERVFAIL"))

    def test_truncated(self):
        """truncation, and the same question over TCP"""
        self.assertIn("Truncated, retrying in TCP mode", self.lab.dig("+noedns", "long.test"))
        self.exchange("long.test")
        flows = wait_until("all four", lambda: [flow for flow in [self.messages("long.test")]
                                                if len(flow) == 4])[0]
        dns = [facts(flow)["dns"] for flow in flows]
        self.assertEqual([one["transport"] for one in dns], ["UDP", "UDP", "TCP", "TCP"])
        self.assertEqual([one.get("truncated", False) for one in dns], [False, True, False, False])
        self.assertEqual([one.get("tcp_retry", False) for one in dns], [False, False, True, True])
        self.assertGreater(int(dns[3]["waited_ns"]), int(flows[3]["l7"]["latency_ns"]))
        self.assertEqual(dns[3]["answers"], self.lab.LONG)

    def test_fragments(self):
        """an answer in IP fragments is read whole"""
        for namespace, device in ((self.lab.web, "eth0"), (self.lab.node, "web")):
            namespace.ip("link", "set", device, "mtu", "1280")
        self.lab.dig("+bufsize=4096", "+ignore", "long.test")
        response = facts(self.exchange("long.test")[1])["dns"]
        self.assertEqual((response["transport"], response.get("damaged"), response["answers"]),
                         ("UDP", None, self.lab.LONG))
        self.assertGreater(response["bytes"], 1900)


class Resolver(Case):
    def setUp(self):
        super().setUp()
        self.lab.serve()
        self.lab.resolve()
        self.watch()

    def test_both_legs(self):
        """unbound: the client's question, and its own to the server behind it"""
        self.lab.dig("www.test", "A", server="10.99.0.1")
        wait_until("both answers", lambda: len(self.messages("www.test", "--where", "dns.message=response")) == 2)
        pairs = {(flow["IP"]["source"], flow["IP"]["destination"]) for flow in self.messages("www.test")}
        self.assertEqual(pairs, {("10.99.0.3", "10.99.0.1"), ("10.99.0.1", "10.99.0.3"),
                                 ("10.99.0.1", "10.99.0.2"), ("10.99.0.2", "10.99.0.1")})

    def test_server_failure(self):
        """SERVFAIL, because the server behind it refused"""
        self.assertIn("status: SERVFAIL", self.lab.dig("x.broken", server="10.99.0.1"))
        response = wait_until("SERVFAIL", lambda: self.messages("x.broken", "--rcode", "servfail"))[-1]
        self.assertEqual(response["l7"]["dns"]["rcode"], 2)
        self.assertEqual(response["IP"]["source"], "10.99.0.1")
        self.assertTrue(self.messages("x.broken", "--rcode", "refused"))


class Slow(Case):
    """A server that this test plays itself."""

    def setUp(self):
        super().setUp()
        self.watch()
        with self.lab.web:
            self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind((self.lab.WEB4, 53))
        with self.lab.client:
            self.asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.asker.connect((self.lab.WEB4, 53))
        for end in (self.server, self.asker):
            end.settimeout(5)
            self.addCleanup(end.close)

    def ask(self, number, name):
        self.asker.send(query(number, name))
        return self.server.recvfrom(4096)

    def answer(self, data, asker):
        self.server.sendto(data[:2] + b"\x81\x80" + data[4:], asker)
        self.asker.recv(4096)

    def test_slow(self):
        """the latency is the server's, to within what this machine adds"""
        data, asker = self.ask(1, "slow.test")
        begun = time.monotonic_ns()
        timer = threading.Event()
        timer.wait(0.3)
        self.answer(data, asker)
        took = time.monotonic_ns() - begun
        latency = int(self.exchange("slow.test")[1]["l7"]["latency_ns"])
        self.assertTrue(300e6 <= latency <= took + 100e6 * TIME_SCALE, (latency, took))
        self.assertTrue(self.daemon.records("--all", "--min-latency", "300ms", "-t", "l7-dns"))
        self.assertFalse(self.daemon.records("--all", "--min-latency", "1m"))

    def test_silent(self):
        """no answer: told after the timeout, with its retries; a late answer is told from others"""
        self.ask(2, "silent.test")
        data, asker = self.ask(2, "silent.test")
        timeout = wait_until("timeout", lambda: self.messages("silent.test", "--where", "dns.message=timeout"),
                             5 * TIME_SCALE)[0]
        self.assertNotIn("l7", timeout)
        self.assertEqual(timeout["verdict"], "ERROR")
        dns = facts(timeout)["dns"]
        self.assertEqual((dns["timeout"], dns["retries"], dns["query"], dns["server"]),
                         (True, 1, "silent.test.", "10.99.0.2"))
        self.assertGreaterEqual(int(dns["latency_ns"]), 1_000_000_000)
        self.answer(data, asker)
        self.assertTrue(facts(self.exchange("silent.test")[1])["dns"]["late"])

    def test_stranger(self):
        """an answer that nobody asked for, and one from another server"""
        data, asker = self.ask(3, "first.test")
        self.answer(data, asker)
        self.exchange("first.test")
        wait_until("a second's watch", lambda: self.daemon.status()["ledger"]["dns_pending"] != "x", 1)
        timer = threading.Event()
        timer.wait(1.2)  # before its timeout has passed once, flowd cannot know what came before it
        self.server.sendto(query(9, "odd.test")[:2] + b"\x81\x80" + query(9, "odd.test")[4:], asker)
        response = wait_until("the stranger's", lambda: self.messages("odd.test"))[0]
        self.assertTrue(facts(response)["dns"]["unsolicited"])
        data, asker = self.ask(4, "second.test")
        with self.lab.node, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((self.lab.NODE4, 53))
            other.sendto(data[:2] + b"\x81\x80" + data[4:], asker)
        response = self.exchange("second.test")[1]
        self.assertTrue(facts(response)["dns"]["other_server"])
        self.assertEqual((response["IP"]["source"], facts(response)["dns"]["server"]),
                         (self.lab.NODE4, self.lab.WEB4))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load(Case):
    RATE, SECONDS = 20000, 3

    def number(self, text, what):
        return int(re.search(rf"{what}: +(\d+)", text).group(1))

    def load(self, names):
        """one run of dnsperf, of which each message is counted, as seen or as lost: (ledger, share of a core)"""
        before = {name: int(value) for name, value in self.daemon.status()["ledger"].items()}
        used, begun = cpu_seconds(self.daemon.process.pid), time.monotonic()
        said = self.lab.client.run("dnsperf", "-s", "10.99.0.2", "-d", names, "-l", self.SECONDS, "-c", 4,
                                   "-T", 1, "-Q", self.RATE).stdout
        took = time.monotonic() - begun
        sent, done = self.number(said, "Queries sent"), self.number(said, "Queries completed")

        def seen():
            now = {name: int(value) - before[name] for name, value in self.daemon.status()["ledger"].items()}
            whole = now["dns_messages"] + now["dns_lost_events"] >= sent + done
            return now if whole else None
        now = wait_until("all messages", seen, 10 * TIME_SCALE)
        used = (cpu_seconds(self.daemon.process.pid) - used) / took
        print(f"# {sent / took:.0f} questions a second, {100 * used:.0f} % of a core, "
              f"{now['dns_lost_events']} lost")
        self.assertEqual(now["dns_messages"] + now["dns_lost_events"], sent + done)
        self.assertEqual((now["dns_pending_evicted"], now["dns_malformed"]), (0, 0))
        if now["dns_lost_events"] == 0:
            self.assertEqual((now["dns_queries"], now["dns_responses"], now["dns_answered"]), (sent, done, done))
        return now, used

    def test_rate(self):
        """20,000 questions a second: each and its answer counted, as seen or as lost, for less than 60 % of a core"""
        self.lab.serve()
        self.watch()
        names = os.path.join(self.lab.directory, "names")
        with open(names, "w", encoding="ascii") as file:
            file.write("web.test A\nwww.test A\nnope.test A\nweb.test AAAA\n")
        _, used = self.load(names)
        self.assertLess(used, 0.6)
        report = self.daemon.cli("dns", "--by", "server", "-o", "json").stdout
        rows = [json.loads(line) for line in report.splitlines()]
        self.assertEqual([row["key"] for row in rows], ["10.99.0.2"])


class Search(Case):
    def test_search_domains(self):
        """flowcli dns: what search domains cost, and a table by client"""
        self.lab.serve()
        self.watch()
        for name in ("web.test.a.test", "web.test.b.test", "web.test"):
            self.lab.dig(name)
        self.exchange("web.test")
        shown = self.daemon.cli("dns").stdout
        self.assertRegex(shown, r"\n3 queries for 1 answer: web\.test\. asked by 10\.99\.0\.3; "
                                r"in vain with search domains such as [ab]\.test\.\n")
        (row,) = [json.loads(line) for line in self.daemon.cli(
            "dns", "--by", "client", "-o", "json", "--dns-query", "web").stdout.splitlines()]
        self.assertEqual((row["key"], row["nxdomain"]), ("10.99.0.3", "2"))
        self.assertGreater(int(row["p50_ns"]), 0)


class Outlets(Case):
    PAGE = "http://127.0.0.1:9965/metrics"

    def test_outlets(self):
        """Hubble's DNS metrics, as counted from records"""
        self.lab.serve()
        self.watch(**{"metrics.listen": "127.0.0.1:9965", "metrics.enable": "dns:query latency"})
        for name in ("shop.test", "nope.test"):
            self.lab.dig(name)
            self.exchange(name)

        def page():
            text = self.lab.node.run("curl", "-s", self.PAGE).stdout
            return text if "nope.test." in text else None
        text = wait_until("the page", page)
        answered = 'qtypes="A",ips_returned="{}",query="{}"}} 1\n'
        for line in ('hubble_dns_queries_total{rcode="",' + answered.format(0, "shop.test."),
                     'hubble_dns_responses_total{rcode="No Error",' + answered.format(1, "shop.test."),
                     'hubble_dns_responses_total{rcode="Non-Existent Domain",' + answered.format(0, "nope.test."),
                     'hubble_dns_response_types_total{type="CNAME",qtypes="A",query="shop.test."} 2\n',
                     'hubble_dns_response_types_total{type="A",qtypes="A",query="shop.test."} 1\n',
                     'flowd_dns_latency_seconds_count{message="response"} 2\n'):
            self.assertIn(line, text)


class Off(Case):
    def test_disabled(self):
        """dns.enabled: false, or another port: no message leaves the kernel"""
        self.lab.serve()
        self.watch(**{"dns.ports": "5300"})
        self.lab.dig("web.test")
        wait_until("the flow", lambda: self.daemon.flows("--all", "--port", "53"))
        self.assertFalse(self.daemon.records("--all", "-t", "l7-dns"))
        self.assertEqual(self.daemon.status()["ledger"]["dns_events"], "0")


if __name__ == "__main__":
    tap.main()
