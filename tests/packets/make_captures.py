#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes small captures, the same bytes each time: make_captures.py DIRECTORY.

One function a capture; each returns (stamp in ns, frame) pairs. Nothing but the standard library's
smallest part (python3-minimal) is used.
"""
import os
import struct
import sys

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
    write_pcap(path("malformed"), make_malformed())
    write_pcap(path("long"), make_long())
    write_pcap(path("microseconds"), make_http(), nanoseconds=False)
    write_pcap(path("truncated"), make_http(), cut=11)
    write_pcap(path("empty"), [])
    write_pcap(path("wlan"), make_http(), link=105)
    with open(path("garbage"), "wb") as file:
        file.write(b"this is no capture\n")


if __name__ == "__main__":
    main()
