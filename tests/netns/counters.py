# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the kernel counted, to hold flowd's totals against, and a network that is silent but for the
test, so that the two can be equal to the packet.

A device's bytes have the Ethernet header and no FCS, as flowd's; a super-packet is one packet there.
It counts what is on the wire where it has to cut super-packets itself: see cut()."""
import json

from daemon import TIME_SCALE, facts
from lab import Lab, wait_until
from test_loss import NOT_RECORDED
from witness import Count

# Records soon, so that what was counted is told soon.
SOON = {"flow.active_timeout": "1s", "flow.udp_idle_timeout": "1s", "flow.icmp_idle_timeout": "1s",
        "flow.other_idle_timeout": "1s"}
CUT = ("tso", "off", "tx-udp-segmentation", "off")


def _count(values):
    assert not values["dropped"] and not values["errors"], f"the device dropped packets: {values}"
    return Count(values["packets"], values["bytes"])


def received(namespace, device):
    return _count(_statistics(namespace, device)["rx"])


def sent(namespace, device):
    return _count(_statistics(namespace, device)["tx"])


def _statistics(namespace, device):
    return json.loads(namespace.ip("-s", "-s", "-j", "link", "show", "dev", device))[0]["stats64"]


def cut(namespace, *devices):
    """What leaves these devices is cut into segments behind tc and before it is counted."""
    for device in devices:
        namespace.run("ethtool", "-K", device, *CUT)


def protocol_counter(namespace, protocol, name):
    """A row of nstat(8), as `Udp`, `OutDatagrams`."""
    with namespace, open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        names, values = [line.split()[1:] for line in file if line.startswith(protocol + ":")]
    return int(values[names.index(name)])


def tcp_segments(namespace):
    """TCP segments that were sent from a namespace, as on the wire."""
    return sum(protocol_counter(namespace, "Tcp", name) for name in ("OutSegs", "RetransSegs"))


def minus(after, before):
    return Count(after.packets - before.packets, after.bytes - before.bytes)


def with_header(count):
    """lo, and a veth that receives by NAPI (GRO or native XDP is on), count bytes without it."""
    return Count(count.packets, count.bytes + 14 * count.packets)


def total(counts):
    result = Count()
    for count in counts:
        result.add(count.packets, count.bytes)
    return result


def total_of(flows):
    return total(Count(int(facts(flow).get("packets", 0)), int(facts(flow).get("bytes", 0)))
                 for flow in flows)


def ledger(daemon):
    return {name: int(value) for name, value in daemon.status()["ledger"].items()}


def settled(daemon):
    """Waits until all that was counted is in records; the ledger then."""
    def look():
        now = ledger(daemon)
        others = sum(now[f"{name}_packets"] for name in NOT_RECORDED)
        return now["seen_packets"] - others == now["emitted_packets"] and now
    return wait_until("all packets in records", look, 15 * TIME_SCALE)


def points(flow):
    return [(point["interface"], point["direction"]) for point in facts(flow).get("observed", [])]


CHATTER = "icmpv6 type { mld-listener-report, mld2-listener-report, nd-router-solicit }"


class SilentLab(Lab):
    """No ARP and no IPv6 discovery: neighbours are told, so every packet is the test's."""

    def silent(self):
        namespace = self.namespace()
        namespace.drop(CHATTER, hook="output")
        return namespace

    @staticmethod
    def up(namespace, device, *addresses):
        namespace.ip("link", "set", device, "addrgenmode", "none")
        for address in addresses:
            namespace.ip("addr", "add", address, "dev", device,
                         *(["nodad"] if ":" in address else []))
        namespace.ip("link", "set", device, "multicast", "off", "up")

    @staticmethod
    def pair(here, device, there, peer="eth0"):
        here.ip("link", "add", device, "type", "veth", "peer", "name", peer, "netns", there.path)

    @staticmethod
    def link_address(namespace, device):
        return json.loads(namespace.ip("-j", "link", "show", "dev", device))[0]["address"]

    def acquaint(self, one, another):
        """Each knows the other's link address; arguments: (namespace, device, IP address)."""
        for (namespace, device, _), (other, name, address) in ((one, another), (another, one)):
            namespace.ip("neigh", "replace", address, "lladdr", self.link_address(other, name),
                         "nud", "permanent", "dev", device)
