#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names of addresses: the operator's file, hosts, reserved ones, MaxMind databases, and what lies
behind NAT."""
import os
import shutil
import subprocess
import unittest

import tap
import traffic
from daemon import Daemon, facts, key_of
from lab import Cluster, wait_until

MAKE_MMDB = r"""
use MaxMind::DB::Writer::Tree;
my %types = (country => 'map', iso_code => 'utf8_string', autonomous_system_number => 'uint32',
             autonomous_system_organization => 'utf8_string');
my $tree = MaxMind::DB::Writer::Tree->new(ip_version => 6, record_size => 24,
    database_type => 'Test', languages => ['en'], description => {en => 'test'},
    map_key_type_callback => sub { $types{$_[0]} }, remove_reserved_networks => 0);
$tree->insert_network('198.51.100.0/24', {country => {iso_code => 'NZ'},
    autonomous_system_number => 64500, autonomous_system_organization => 'Test Net'});
open my $out, '>:raw', $ARGV[0] or die; $tree->write_tree($out); close $out or die;
"""


def can_write_mmdb():
    return shutil.which("perl") and not subprocess.run(
        ["perl", "-MMaxMind::DB::Writer::Tree", "-e", "1"], capture_output=True,
        check=False).returncode


class Names(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.lab.client.ip("route", "add", "default", "via", self.lab.NODE4)
        self.lab.client.ip("neigh", "replace", self.lab.NODE4, "lladdr", "02:00:00:00:00:99",
                           "dev", "eth0", "nud", "permanent")

    def daemon(self, interfaces=("web", "client"), **settings):
        return Daemon(self.lab, self.lab.node, list(interfaces), {
            "flow.drain_interval": "100ms", "identity.hosts": "", **settings}).ready()

    def write(self, name, text):
        path = os.path.join(self.lab.directory, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def destination(self, daemon, address):
        """What the record of a new flow to the address says of it."""
        with self.lab.client, traffic.socket.socket(traffic.socket.AF_INET,
                                                    traffic.socket.SOCK_DGRAM) as own:
            own.sendto(b"?", (address, 9))
            port = own.getsockname()[1]
        flow = wait_until("the flow", lambda: next((
            flow for flow in daemon.flows("--all", "--to-ip", address, "--to-port", "9")
            if key_of(flow).sport == port), None))
        return flow["destination"], facts(flow)

    def test_networks(self):
        """the longest prefix wins, labels, a bad line is told, a changed file is read again"""
        path = self.write("networks", "# ours\n198.51.100.0/24 office site=north team=shop\n"
                          "198.51.100.7 printer\n198.51.100.0/33 wrong\n2001:db8::/32 lab\n")
        daemon = self.daemon(**{"identity.networks": path})
        end, fact = self.destination(daemon, "198.51.100.9")
        self.assertEqual(fact["destination_host"], "office")
        self.assertEqual(end["labels"], ["static:site=north", "static:team=shop"])
        self.assertEqual(fact["identity_source"]["destination"], "static")
        self.assertEqual(self.destination(daemon, "198.51.100.7")[1]["destination_host"],
                         "printer")
        self.assertIn(f"{path}:4:", daemon.messages())
        self.assertTrue(daemon.flows("--all", "--label", "team=shop"))
        self.assertIn("office:9", daemon.cli("observe", "--all").stdout)
        self.write("networks", "198.51.100.0/24 plant\n")
        wait_until("read again", lambda: self.destination(
            daemon, "198.51.100.9")[1].get("destination_host") == "plant")

    def test_hosts(self):
        """names in the format of hosts(5)"""
        daemon = self.daemon(**{"identity.hosts": self.write(
            "hosts", "198.51.100.8\tstore.example store # back\n")})
        self.assertEqual(self.destination(daemon, "198.51.100.8")[1]["destination_host"],
                         "store.example")

    def test_reserved(self):
        """the world, multicast; why there is no name"""
        daemon = self.daemon()
        end, fact = self.destination(daemon, "198.51.100.9")
        self.assertEqual((end["identity"], end["labels"]), (2, ["reserved:world"]))
        self.assertEqual(fact["identity_missing_reason"]["destination"], "remote_address")
        self.assertEqual(self.destination(daemon, "224.0.0.251")[0]["labels"],
                         ["reserved:multicast"])
        self.assertIn("(world)", daemon.cli("observe", "--all").stdout)
        self.assertTrue(daemon.flows("--all", "--to-identity", "world"))

    @unittest.skipUnless(can_write_mmdb(), "libmaxmind-db-writer-perl is not installed")
    def test_geo(self):
        """country and autonomous system of addresses of the world, and of no others"""
        path = os.path.join(self.lab.directory, "test.mmdb")
        subprocess.run(["perl", "-e", MAKE_MMDB, path], check=True, capture_output=True)
        daemon = self.daemon(**{"identity.city": path, "identity.asn": path})
        self.assertEqual(self.destination(daemon, "198.51.100.9")[1]["destination_location"],
                         {"country": "NZ", "asn": 64500, "as_name": "Test Net"})
        self.assertNotIn("destination_location", self.destination(daemon, "203.0.113.1")[1])
        self.assertTrue(daemon.flows("--all", "--where", "destination.country=NZ"))

    def test_nat(self):
        """behind masquerading and port forwarding each end has its own address and process"""
        lab = self.lab
        outside = lab.namespace()
        lab.node.ip("link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns",
                    outside.path)
        for namespace, name, address in ((lab.node, "uplink", "192.0.2.1"),
                                         (outside, "eth0", "192.0.2.2")):
            namespace.ip("addr", "add", f"{address}/24", "dev", name)
            namespace.ip("link", "set", name, "up")
        lab.client.ip("neigh", "del", lab.NODE4, "dev", "eth0")
        lab.web.ip("route", "add", "default", "via", lab.NODE4)
        lab.node.set_sysctl("net/ipv4/ip_forward", 1)
        lab.node.run("nft", "-f", "-", input=(
            "table ip nat {\n chain post { type nat hook postrouting priority 100;\n"
            "  oifname \"uplink\" masquerade\n }\n"
            " chain pre { type nat hook prerouting priority -100;\n"
            f"  iifname \"uplink\" tcp dport 8443 dnat to {lab.WEB4}:8080\n }}\n}}\n"))
        daemon = self.daemon(("web", "client", "uplink"))
        pid = os.getpid()
        port = traffic.tcp(lab.client, outside, "192.0.2.2", 7000)
        flow = wait_until("the masqueraded flow", lambda: next((
            flow for flow in daemon.flows("--all", "--to-port", "7000")), None))
        self.assertEqual((flow["IP"]["source"], flow["IP"]["source_xlated"]),
                         (lab.CLIENT4, "192.0.2.1"))
        self.assertEqual(facts(flow)["source_process"]["pid"], pid)
        answer = wait_until("its answer, not yet translated", lambda: next((
            flow for flow in daemon.flows("--all", "--from-port", "7000", "--to-ip", "192.0.2.1")),
            None))
        self.assertEqual(facts(answer)["destination_xlated"], f"{lab.CLIENT4}:{port}")
        self.assertEqual(facts(answer)["destination_process"]["pid"], pid)
        with lab.web:
            server = traffic.socket.create_server((lab.WEB4, 8080))
        with outside:
            client = traffic.socket.create_connection(("192.0.2.1", 8443), 5)
        peer, _ = server.accept()
        client.sendall(b"x")
        peer.recv(1)
        flow = wait_until("the forwarded flow", lambda: next((
            flow for flow in daemon.flows("--all", "--to-port", "8443")), None))
        self.assertEqual(facts(flow)["destination_xlated"], f"{lab.WEB4}:8080")
        self.assertEqual(facts(flow)["destination_process"]["pid"], pid)
        for end in (client, peer, server):
            end.close()


if __name__ == "__main__":
    tap.main()
