#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes small captures, the same bytes each time: make_captures.py DIRECTORY.

One function a capture; each returns (stamp in ns, frame) pairs. Nothing but the standard library's
smallest part (python3-minimal) is used.
"""
import os
import struct
import sys

from dns_messages import (A, AAAA, CNAME, QUERY, RESPONSE, TRUNCATED, framed, message, name,
                          record)

START_NS = 1714979289123456789  # 2024-05-06T07:08:09.123456789Z
MS = 1000000
S = 1000 * MS

MAC_A = bytes.fromhex("020000000001")
MAC_B = bytes.fromhex("020000000002")
BROADCAST = b"\xff" * 6

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ip4(text):
    return bytes(int(part) for part in text.split("."))


def ip6(text):
    head, _, tail = text.partition("::")
    left = [int(word, 16) for word in head.split(":") if word]
    right = [int(word, 16) for word in tail.split(":") if word]
    words = left + [0] * (8 - len(left) - len(right)) + right
    return struct.pack("!8H", *words)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload, ethertype, source=MAC_A, destination=MAC_B):
    return destination + source + struct.pack("!H", ethertype) + payload


def vlan(payload, ethertype, *tags):
    """Tags outermost first; the outer one of two is 802.1ad."""
    for depth, tag in reversed(list(enumerate(tags))):
        payload = struct.pack("!HH", tag, ethertype) + payload
        ethertype = 0x88A8 if len(tags) > 1 and depth == 0 else 0x8100
    return ethernet(payload, ethertype)


def ipv4(source, destination, protocol, payload, fragment=0, ident=1, options=b""):
    length = 20 + len(options) + len(payload)
    header = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, length, ident, fragment, 64,
                         protocol, 0, ip4(source), ip4(destination)) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(source, destination, protocol, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, ip6(source),
                       ip6(destination)) + payload


def extension(following, payload, words=1):
    """A hop-by-hop, routing or destination header of padding."""
    padding = bytes([1, words * 8 - 4]) + bytes(words * 8 - 4)
    return bytes([following, words - 1]) + padding + payload


def fragment6(following, offset, more, ident, payload):
    return struct.pack("!BBHI", following, 0, offset | more, ident) + payload


def tcp(source, destination, flags, payload=b"", sequence=0):
    return struct.pack("!HHIIBBHHH", source, destination, sequence, 0, 5 << 4, flags, 64000, 0,
                       0) + payload


def udp(source, destination, payload):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def icmp(kind, code, ident, sequence, payload=b"abcdefgh"):
    header = struct.pack("!BBHHH", kind, code, 0, ident, sequence)
    return header[:2] + struct.pack("!H", checksum(header + payload)) + header[4:] + payload


def conversation(wrap, client, server, client_port, server_port, start=START_NS):
    """A TCP connection: handshake, request, answer in two parts, FIN from both sides."""
    out, back = (client, server), (server, client)
    steps = [
        (0, out, SYN, b""),
        (1, back, SYN | ACK, b""),
        (2, out, ACK, b""),
        (3, out, PSH | ACK, b"GET / HTTP/1.1\r\n\r\n"),
        (5, back, ACK, b"x" * 1400),
        (6, back, PSH | ACK, b"y" * 600),
        (7, out, ACK, b""),
        (9, back, FIN | ACK, b""),
        (10, out, FIN | ACK, b""),
        (11, back, ACK, b""),
    ]
    frames = []
    for ms, (source, destination), flags, payload in steps:
        ports = (client_port, server_port) if source == client else (server_port, client_port)
        frames.append((start + ms * MS, wrap(source, destination, 6, tcp(*ports, flags, payload))))
    return frames


def over4(source, destination, protocol, payload):
    return ethernet(ipv4(source, destination, protocol, payload), 0x0800)


def over6(source, destination, protocol, payload):
    return ethernet(ipv6(source, destination, protocol, payload), 0x86DD)


def make_http():
    return conversation(over4, "10.0.0.1", "10.0.0.2", 40000, 80)


def make_mixed():
    """TCP over both versions, UDP, ICMP, ARP, LLDP: what a first look at a network shows."""
    frames = make_http()
    frames += conversation(over6, "2001:db8::1", "2001:db8::2", 40001, 443, START_NS + 20 * MS)
    frames += [
        (START_NS + 40 * MS, over4("10.0.0.1", "10.0.0.53", 17, udp(5353, 53, b"q" * 30))),
        (START_NS + 41 * MS, over4("10.0.0.53", "10.0.0.1", 17, udp(53, 5353, b"a" * 90))),
        (START_NS + 50 * MS, over4("10.0.0.1", "10.0.0.2", 1, icmp(8, 0, 77, 1))),
        (START_NS + 51 * MS, over4("10.0.0.2", "10.0.0.1", 1, icmp(0, 0, 77, 1))),
        (START_NS + 60 * MS, over6("fe80::1", "ff02::1:ff00:2", 58, icmp(135, 0, 0, 0))),
        (START_NS + 70 * MS, over4("10.0.0.3", "10.0.0.2", 6, tcp(40002, 81, SYN))),
        (START_NS + 71 * MS, over4("10.0.0.2", "10.0.0.3", 6, tcp(81, 40002, RST | ACK))),
        (START_NS + 80 * MS, ethernet(bytes(28), 0x0806, MAC_A, BROADCAST)),
        (START_NS + 81 * MS, ethernet(bytes(28), 0x0806, MAC_B, MAC_A)),
        (START_NS + 82 * MS, ethernet(bytes(40), 0x88CC, MAC_A, BROADCAST)),
        (START_NS + 90 * MS, over4("10.0.0.1", "10.0.0.2", 47, bytes(24))),
    ]
    return frames


def make_vlan():
    def tagged(*tags):
        return lambda source, destination, protocol, payload: vlan(
            ipv4(source, destination, protocol, payload), 0x0800, *tags)

    frames = conversation(tagged(100), "10.1.0.1", "10.1.0.2", 40000, 80)
    frames += conversation(tagged(100, 7), "10.2.0.1", "10.2.0.2", 40000, 80, START_NS + 30 * MS)
    return frames


def make_fragments():
    """One datagram in three parts, the later ones without ports."""
    datagram = udp(7000, 7001, b"f" * 3800)
    frames = []
    for offset in range(0, len(datagram), 1480):
        part = datagram[offset:offset + 1480]
        more = 0x2000 if offset + 1480 < len(datagram) else 0
        packet = ipv4("10.0.0.1", "10.0.0.2", 17, part, more | offset // 8, 9)
        frames.append((START_NS + offset * 1000, ethernet(packet, 0x0800)))
    return frames


PPP = b"\xff\x03\0\x21"
COOKED_GRE = struct.pack("!HHH8sH", 0, 778, 0, b"", 0x0800)  # ARPHRD_IPGRE


def apart(frames):
    """A millisecond between frames."""
    return [(START_NS + number * MS, frame) for number, frame in enumerate(frames)]


def make_fragments6():
    """IPv6: a datagram in two parts, one whose first part is missing, a whole one that says it is a
    fragment; and an IPv4 datagram whose parts are out of order."""
    ends, datagram = ("2001:db8::1", "2001:db8::2"), udp(7000, 7001, b"g" * 1800)
    first, second = datagram[:1448], datagram[1448:]
    late = udp(7002, 7003, b"h" * 1992)
    return apart([
        over6(*ends, 44, fragment6(17, 0, 1, 5, first)),
        over6(*ends, 44, fragment6(17, 1448, 0, 5, second)),
        over6(*ends, 44, fragment6(17, 1448, 0, 6, second)),
        over6(*ends, 44, fragment6(17, 0, 0, 7, udp(7004, 7005, b"atomic"))),
        ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, late[1480:], 185, 11), 0x0800),
        ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, late[:1480], 0x2000, 11), 0x0800),
    ])


PACKET4 = ipv4("10.3.0.1", "10.3.0.2", 17, udp(4001, 4002, b"inner v4"))
PACKET6 = ipv6("2001:db8:3::1", "2001:db8:3::2", 6, tcp(4003, 4004, SYN))


def mpls(payload, *labels):
    stack = b"".join(struct.pack("!I", label << 12 | (number == len(labels) - 1) << 8 | 64)
                     for number, label in enumerate(labels))
    return ethernet(stack + payload, 0x8847)


def pppoe(payload, protocol, ethertype=0x8864):
    return ethernet(struct.pack("!BBHHH", 0x11, 0, 7, len(payload) + 2, protocol) + payload,
                    ethertype)


def snap(payload, ethertype, organisation=b"\0\0\0"):
    body = b"\xaa\xaa\x03" + organisation + struct.pack("!H", ethertype) + payload
    return ethernet(body, len(body))


def make_links():
    """What may stand between Ethernet and IP, and what is no IP but has a name."""
    wire = ethernet(ipv4("10.3.0.1", "10.3.0.2", 17, udp(4005, 4002, b"pseudowire")), 0x0800)
    return apart([
        mpls(PACKET4, 100), mpls(PACKET6, 100, 200, 300), mpls(bytes(4) + wire, 5),
        pppoe(PACKET4, 0x0021), pppoe(PACKET6, 0x0057), pppoe(bytes(10), 0xC021),
        snap(PACKET4, 0x0800), snap(bytes(20), 0x2000, b"\0\0\x0c"),
        vlan(PACKET6, 0x86DD, 1, 2, 3),
        ethernet(bytes.fromhex("42420300000000008000") + bytes(28), 38),
        ethernet(bytes.fromhex("fefe03") + bytes(30), 33),
        ethernet(bytes(46), 0x8809), ethernet(bytes(46), 0x888E), ethernet(bytes(46), 0x88F7),
        ethernet(bytes(46), 0x8137), ethernet(bytes(46), 0x9999),
    ])


def make_tunnels():
    """A packet in each kind of tunnel, told apart by its source port; then one that is two tunnels
    deep, and one that carries no IP."""
    outer, outer6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8:9::1", "2001:db8:9::2")

    def v4(port):
        return ipv4("10.3.0.1", "10.3.0.2", 17, udp(port, 4002, b"inner v4"))

    def v6(port):
        return ipv6("2001:db8:3::1", "2001:db8:3::2", 6, tcp(port, 4004, SYN))

    def framed(port):
        return ethernet(v4(port), 0x0800)

    def by_udp(port, payload, source=50000):
        return over4(*outer, 17, udp(source, port, payload))

    def by_gre(flags, protocol, rest):
        return over4(*outer, 47, struct.pack("!HH", flags, protocol) + rest)

    vni = struct.pack("!II", 0x08000000, 77 << 8)
    return apart([
        by_udp(4789, vni + framed(1)), over6(*outer6, 17, udp(50000, 4789, vni + framed(2))),
        by_udp(6081, struct.pack("!BBHI", 2, 0, 0x6558, 78 << 8) + bytes(8) + framed(3)),
        by_udp(2152, struct.pack("!BBHI", 0x30, 255, len(v4(4)), 79) + v4(4), 2152),
        by_gre(0, 0x0800, v4(5)), by_gre(0x2000, 0x86DD, struct.pack("!I", 80) + v6(6)),
        by_gre(0x2000, 0x6558, struct.pack("!I", 81 << 8) + framed(7)),
        by_gre(0x1000, 0x88BE, struct.pack("!III", 1, 0x10000052, 0) + framed(8)),
        over4(*outer, 4, v4(9)), over4(*outer, 41, v6(10)),
        over6(*outer6, 4, v4(11)), over6(*outer6, 41, v6(12)),
        over4(*outer, 4, ipv4(*outer, 47, struct.pack("!HH", 0, 0x0800) + v4(13))),
        by_udp(4789, vni + ethernet(bytes(28), 0x0806)),
    ])


def make_quotes():
    """A datagram, and the ICMP errors that quote it: whole, through a tunnel's end, too short."""
    ends, ends6 = ("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")
    asked, asked6 = udp(5000, 33434, b"probe"), udp(5001, 33435, b"probe")
    probe, probe6 = ipv4(*ends, 17, asked), ipv6(*ends6, 17, asked6)
    return apart([
        ethernet(probe, 0x0800), ethernet(probe6, 0x86DD),
        over4(ends[1], ends[0], 1, icmp(3, 3, 0, 0, probe)),
        over4("10.0.9.9", ends[0], 1, icmp(11, 0, 0, 0, probe)),
        over4("10.0.9.9", ends[0], 1, icmp(11, 0, 0, 0, probe[:22])),
        over6(ends6[1], ends6[0], 58, icmp(1, 4, 0, 0, probe6)),
    ])


def make_protocols():
    """Flows beyond TCP, UDP and ICMP, with the ports they have; IPv6 extension headers."""
    ends, ends6 = ("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")
    authentication = struct.pack("!BBHII", 17, 4, 0, 1, 1) + bytes(12) + udp(1, 2, b"")
    chain = extension(60, extension(43, extension(60, extension(17, udp(6000, 6001, b"behind"), 2))))
    return apart([
        over4(*ends, 132, struct.pack("!HHII", 2905, 2906, 1, 0) + bytes(16)),
        over4(*ends, 136, udp(3000, 3001, b"lite")),
        over4(*ends, 33, struct.pack("!HHBBHI", 3002, 3003, 4, 0, 0, 0) + bytes(8)),
        over4(*ends, 2, bytes.fromhex("160009ffe0000001")),
        over4(*ends, 50, bytes(32)), over4(*ends, 51, authentication), over4(*ends, 89, bytes(44)),
        over4(*ends, 112, bytes(20)), over4(*ends, 103, bytes(12)),
        over6(*ends6, 0, chain),
        over4(*ends, 1, icmp(13, 0, 9, 1, bytes(12))),
    ])


def make_notes():
    """Packets that are in a flow although they could not be read to their end; each has a note."""
    ends, ends6 = ("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")
    vni = struct.pack("!II", 0x08000000, 77 << 8)
    tower = PACKET4
    for _ in range(20):
        tower = ipv4(*ends, 4, tower)
    return apart([
        over4(*ends, 6, b"\x04"),
        ethernet(ipv4(*ends, 17, b"later" * 8, 100, 21), 0x0800),
        over4(*ends, 17, udp(50000, 4789, vni + ethernet(PACKET4, 0x0800)[:24])),
        over4(*ends, 4, bytes([0x43]) + PACKET4[1:]),
        over4(*ends, 47, struct.pack("!HH", 0, 0x0806) + bytes(28)),
        ethernet(tower, 0x0800),
        over6(*ends6, 0, b"\x11\x05"),
        over6(*ends6, 60, extension(60, b"") * 9 + extension(17, udp(1, 2, b""))),
        over4(*ends, 1, icmp(3, 1, 0, 0, PACKET4[:12])),
    ])


def make_malformed():
    """Packets that end too early or lie about themselves; each has its own counter."""
    good = over4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, b"zz"))
    bad_header = bytearray(good)
    bad_header[14] = 0x43
    bad_version = bytearray(good)
    bad_version[14] = 0x65
    return [
        (START_NS, good),
        (START_NS + 1 * MS, good[:10]),
        (START_NS + 2 * MS, good[:20]),
        (START_NS + 3 * MS, bytes(bad_header)),
        (START_NS + 4 * MS, bytes(bad_version)),
        (START_NS + 5 * MS, vlan(b"", 0x0800, 1)[:16]),
        (START_NS + 6 * MS, ethernet(b"\x00" * 20, 0x8847)),
        (START_NS + 7 * MS, ethernet(b"\x42\x42\x03" + bytes(35), 38)),
    ]


def make_long():
    """A flow that lasts longer than the active timeout, and one that falls idle."""
    frames = [(START_NS + second * S, over4("10.0.0.1", "10.0.0.9", 17, udp(6000, 6001, b"k" * 50)))
              for second in range(0, 40, 2)]
    frames.append((START_NS + 1 * S, over4("10.0.0.1", "10.0.0.8", 1, icmp(8, 0, 5, 1))))
    return sorted(frames)


def make_dns():
    """Answers by alias and by address, none such, none at all, retried, truncated, in vain with
    search domains; and a flow to a name."""
    client, server, other = "10.0.0.1", "10.0.0.53", "10.0.0.54"

    def asked(at, port, data, to=server):
        return START_NS + at * MS, over4(client, to, 17, udp(port, 53, data))

    def answered(at, port, data, by=server):
        return START_NS + at * MS, over4(by, client, 17, udp(53, port, data))

    def by_tcp(at, out, flags, sequence, data=b""):
        ends = (client, server) if out else (server, client)
        ports = (40009, 53) if out else (53, 40009)
        return START_NS + at * MS, over4(*ends, 6, tcp(*ports, flags, data, sequence))

    web = [record(CNAME, 60, name("web.example.net")), record(A, 30, ip4("192.0.2.1"))]
    big = framed(message(9, QUERY, "big.example")), framed(message(9, RESPONSE, "big.example", A, [
        record(A, 5, ip4(f"192.0.2.{number}")) for number in range(1, 30)]))
    return [
        asked(0, 40000, message(1, QUERY, "www.example.svc.test")),
        answered(1, 40000, message(1, RESPONSE | 3, "www.example.svc.test")),
        asked(2, 40000, message(2, QUERY, "www.example.test")),
        answered(3, 40000, message(2, RESPONSE | 3, "www.example.test")),
        asked(4, 40000, message(3, QUERY, "WWW.example")),
        answered(24, 40000, message(3, RESPONSE, "WWW.example", A, web)),
        asked(30, 40001, message(4, QUERY, "six.example", AAAA)),
        answered(32, 40001, message(4, RESPONSE, "six.example", AAAA, [
            record(AAAA, 300, ip6("2001:db8::1"))])),
        *conversation(over4, client, "192.0.2.1", 40002, 443, START_NS + 40 * MS),
        asked(100, 40003, message(5, QUERY, "fail.example")),
        answered(400, 40003, message(5, RESPONSE | 2, "fail.example")),
        asked(500, 40004, message(6, QUERY, "big.example")),
        answered(501, 40004, message(6, TRUNCATED, "big.example")),
        by_tcp(502, True, SYN, 1),
        by_tcp(503, False, SYN | ACK, 5000),
        by_tcp(504, True, ACK, 2, big[0][:1]),
        by_tcp(505, True, ACK, 3, big[0][1:]),
        by_tcp(507, False, ACK, 5101, big[1][100:]),
        by_tcp(508, False, ACK, 5001, big[1][:100]),
        asked(1000, 40005, message(7, QUERY, "silent.example")),
        asked(3000, 40005, message(7, QUERY, "silent.example")),
        asked(5000, 40006, message(8, QUERY, "silent.example"), other),
        answered(5010, 40006, message(8, RESPONSE, "silent.example", A, [
            record(A, 5, ip4("192.0.2.9"))]), other),
        answered(5020, 40007, message(99, RESPONSE, "odd.example")),
        asked(9000, 40008, b"GET / HTTP/1.1"),
    ]


def write_pcap(path, frames, nanoseconds=True, link=1, cut=0):
    data = struct.pack("<IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 262144,
                       link)
    for stamp, frame in frames:
        unit = stamp % S if nanoseconds else stamp % S // 1000
        data += struct.pack("<IIII", stamp // S, unit, len(frame), len(frame)) + frame
    with open(path, "wb") as file:
        file.write(data[:len(data) - cut])


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)

    def path(name):
        return os.path.join(directory, name + ".pcap")

    write_pcap(path("http"), make_http())
    write_pcap(path("mixed"), make_mixed())
    write_pcap(path("vlan"), make_vlan())
    write_pcap(path("fragments"), make_fragments())
    write_pcap(path("fragments6"), make_fragments6())
    write_pcap(path("links"), make_links())
    write_pcap(path("tunnels"), make_tunnels())
    write_pcap(path("quotes"), make_quotes())
    write_pcap(path("protocols"), make_protocols())
    write_pcap(path("notes"), make_notes())
    write_pcap(path("malformed"), make_malformed())
    write_pcap(path("ppp"), [(stamp, PPP + frame[14:]) for stamp, frame in make_http()], link=9)
    write_pcap(path("cooked"), [(stamp, COOKED_GRE + frame[14:]) for stamp, frame in make_http()],
               link=113)
    write_pcap(path("long"), make_long())
    write_pcap(path("dns"), make_dns())
    write_pcap(path("microseconds"), make_http(), nanoseconds=False)
    write_pcap(path("truncated"), make_http(), cut=11)
    write_pcap(path("empty"), [])
    write_pcap(path("wlan"), make_http(), link=105)
    with open(path("garbage"), "wb") as file:
        file.write(b"this is no capture\n")


if __name__ == "__main__":
    main()
