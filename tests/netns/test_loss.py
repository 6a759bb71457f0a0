#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nothing is lost silently: packets seen = packets in records + each named loss, also when the
flow table and the ring buffer are far too small for the traffic."""
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, sums
from lab import Cluster, wait_until
from witness import Witness

FLOWS, ROUNDS = 8192, 3
# Counters of packets that are in no record: not understood (PACKET_STATUSES), left out, or lost.
NOT_RECORDED = (
    "l2_truncated", "vlan_truncated", "vlan_too_deep", "l3_truncated", "ip_bad_version",
    "ip_bad_header", "arp", "lldp", "llc", "mpls", "pppoe", "ethertype_other", "stp", "isis",
    "snap", "ipx", "lacp", "eapol", "ptp", "macsec", "encap_truncated", "encap_too_deep",
    "filtered", "sampled", "evict_lost", "reentered")


class Loss(unittest.TestCase):
    def setUp(self):
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        for namespace in self.lab.namespaces:  # its chatter would mix with what is counted here
            namespace.set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)

    def churn(self, **settings):
        """Sprays many more flows than the kernel's table has entries; (daemon, witness)."""
        daemon = Daemon(self.lab, self.lab.node, ["web", "client"], {
            "flow.active_timeout": "1s", "flow.udp_idle_timeout": "1s",
            "history.records": "262144", "flow.table_flows": "1024",
            **{name.replace("__", "."): value for name, value in settings.items()}}).ready()
        witness = Witness(self.lab.client, "eth0")
        # answers would be rate limited differently each time: none
        self.lab.web.drop("udp dport >= 1024")
        for _ in range(8):
            traffic.udp_spray(self.lab.client, self.lab.WEB4, FLOWS // 8, ROUNDS)
        return daemon, witness

    def quiet(self, daemon):
        """The ledger when all that was taken from the kernel has been told in records."""
        self.balance(daemon)  # the kernel holds nothing back

        def look():
            ledger = self.ledger(daemon)
            return ledger["emitted_packets"] == ledger["table_packets"] and ledger
        return wait_until("all packets in records", look, 20 * TIME_SCALE)

    @staticmethod
    def ledger(daemon):
        return {name: int(value) for name, value in daemon.status()["ledger"].items()}

    def test_small_table(self):
        """flows = 8 x table: not a packet is missing"""
        daemon, witness = self.churn()
        ledger = self.quiet(daemon)
        seen = {key: count for key, count in witness.stop().flows.items()
                if key.protocol == 17 and key.dport >= 1024}
        self.assertGreater(ledger["evictions"] + ledger["evictions_clean"], FLOWS // 2)
        self.assertEqual(ledger["evict_lost_packets"], 0)
        told = sums(daemon.flows("--all", "--protocol", "udp"))
        self.assertEqual(sum(count.packets for count in seen.values()), FLOWS * ROUNDS)
        self.assertEqual({key: told.get(key) for key in seen}, seen)
        self.balance(daemon)

    def test_small_ring(self):
        """a ring buffer that overflows: what it lost is counted, exactly"""
        daemon, witness = self.churn(flow__ring_bytes="4096")
        self.quiet(daemon)
        seen = sum(count.packets for key, count in witness.stop().flows.items()
                   if key.protocol == 17 and key.dport >= 1024)
        lost = self.ledger(daemon)["evict_lost_packets"]
        told = sum(count.packets for key, count in sums(
            daemon.flows("--all", "--protocol", "udp")).items() if key.dport >= 1024)
        self.assertGreater(lost, 0)
        self.assertEqual(told + lost, seen)
        self.assertIn("evict", daemon.cli("status").stdout)
        self.balance(daemon)

    def balance(self, daemon):
        """The invariant of bpf-common/flow_abi.h; a packet may be on its way to the table."""
        def look():
            ledger = self.ledger(daemon)
            return ledger["seen_packets"] == ledger["table_packets"] + sum(
                ledger[f"{name}_packets"] for name in NOT_RECORDED)
        wait_until("seen = in records + named losses", look, 5 * TIME_SCALE)

    def test_not_understood(self):
        """packets that are no flow are counted by reason, and balance too"""
        daemon = Daemon(self.lab, self.lab.node, ["web", "client"]).ready()
        self.lab.client.run("ip", "neigh", "flush", "dev", "eth0")
        before = self.ledger(daemon)["arp_packets"]
        self.lab.client.run("ping", "-c", 1, "-W", 2, self.lab.WEB4)
        wait_until("two ARP packets counted", lambda: (
            self.ledger(daemon)["arp_packets"] - before >= 2), 5 * TIME_SCALE)
        self.balance(daemon)


if __name__ == "__main__":
    tap.main()
