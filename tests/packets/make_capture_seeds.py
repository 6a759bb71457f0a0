#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the seeds of fuzz_capture, the same bytes each time: make_capture_seeds.py DIRECTORY.

One small capture a link type and format, so that a fuzzer starts inside every reader.
"""
import os
import struct
import sys

A4, B4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A6, B6 = bytes([0xFD] + [0] * 14 + [1]), bytes([0xFD] + [0] * 14 + [2])
MACS = b"\2\0\0\0\0\2\2\0\0\0\0\1"
SYN, ACK, FIN, RST = 2, 16, 1, 4


def tcp(flags, ports=(1000, 80)):
    return struct.pack("!HHIIBBHHH", ports[0], ports[1], 1, 1, 0x50, flags, 1024, 0, 0)


def ipv4(protocol, payload, ends=(A4, B4), fragment=0):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0,
                       *ends) + payload


def ipv6(protocol, payload, ends=(A6, B6)):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, *ends) + payload


CONNECTION = [
    ipv4(6, tcp(SYN)), ipv4(6, tcp(SYN | ACK, (80, 1000)), (B4, A4)), ipv4(6, tcp(ACK)),
    ipv4(6, tcp(FIN | ACK)), ipv4(6, tcp(RST, (80, 1000)), (B4, A4)), ipv4(6, tcp(SYN)),
    ipv4(17, struct.pack("!HHHH", 53, 53, 8, 0)), ipv4(17, b"\1\2\3\4", fragment=100),
    ipv4(1, b"\x08\0\0\0\0\7\0\1"), ipv4(1, b"\0\0\0\0\0\7\0\1", (B4, A4)),
]
IPV6 = [ipv6(58, b"\x80\0\0\0\0\7\0\1"), ipv6(0, b"\x06\0\1\4\0\0\0\0" + tcp(SYN)),
        ipv6(44, b"\x11\0\0\1\0\0\0\1" + struct.pack("!HHHH", 53, 53, 8, 0))]


def ethernet(packet, tags=b""):
    return MACS + tags + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0") + packet


def sll(packet):
    return b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0" + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0") + packet


def sll2(packet):
    protocol = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
    return protocol + b"\0\0\0\0\0\3\0\1\0\6\2\0\0\0\0\1\0\0" + packet


def loop(packet, order):
    return struct.pack(order + "I", 30 if packet[0] >> 4 == 6 else 2) + packet


def pcap(link, frames, order="<", magic=0xA1B2C3D4):
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for i, frame in enumerate(frames):
        out += struct.pack(order + "IIII", 1700000000 + 7 * i, i, len(frame), len(frame)) + frame
    return out


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(
        order + "I", len(body) + 12)


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, link, snaplen, options=b""):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def enhanced(order, number, stamp, frame):
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(frame),
                       len(frame))
    return block(order, 6, head + frame)


def pcapng(order):
    nano = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    out = section(order) + interface(order, 1, 65535) + interface(order, 101, 262144, nano)
    out += interface(order, 9, 0) + interface(order, 105, 0)
    for i, packet in enumerate(CONNECTION):
        out += enhanced(order, 0, (1700000000 + i) * 10**6, ethernet(packet))
        out += enhanced(order, 1, (1700000000 + i) * 10**9, packet)
    out += enhanced(order, 2, 0, b"\xff\3\0\x21" + CONNECTION[0])
    out += enhanced(order, 3, 0, CONNECTION[0])
    frame = ethernet(CONNECTION[0])
    out += block(order, 3, struct.pack(order + "I", len(frame)) + frame)
    out += block(order, 2, struct.pack(order + "HHIIII", 0, 0, 0, 0, len(frame), len(frame)) + frame)
    return out + block(order, 5, b"\0" * 12)


def main():
    both = CONNECTION + IPV6
    tagged = [ethernet(p, b"\x88\xa8\0\7\x81\0\0\x2a") for p in both]
    others = [MACS + b"\x08\6" + b"\0" * 28, MACS + b"\0\4\x42\x42\3\0", MACS[:5]]
    seeds = {
        "ethernet.pcap": pcap(1, [ethernet(p) for p in both] + tagged + others),
        "ethernet_nano.pcap": pcap(1, [ethernet(p) for p in both], ">", 0xA1B23C4D),
        "sll.pcap": pcap(113, [sll(p) for p in both]),
        "sll2.pcap": pcap(276, [sll2(p) for p in both]),
        "raw.pcap": pcap(101, both),
        "ipv4.pcap": pcap(228, CONNECTION),
        "ipv6.pcap": pcap(229, IPV6),
        "null.pcap": pcap(0, [loop(p, "<") for p in both]),
        "loop.pcap": pcap(108, [loop(p, ">") for p in both]),
        "cut.pcap": pcap(1, [ethernet(p) for p in both])[:-7],
        "ppp.pcap": pcap(9, [b"\xff\3" * (i % 2) + (b"\0\x57" if p[0] >> 4 == 6 else b"\0\x21") + p
                             for i, p in enumerate(both)]),
        "wlan.pcap": pcap(105, both),
        "little.pcapng": pcapng("<"),
        "big.pcapng": pcapng(">"),
        "cut.pcapng": pcapng("<")[:-30],
    }
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
