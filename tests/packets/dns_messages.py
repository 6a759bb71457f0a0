# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""DNS messages, byte by byte, for make_captures.py."""
import struct

A, CNAME, AAAA = 1, 5, 28
QUERY, RESPONSE, TRUNCATED = 0x0100, 0x8180, 0x8380


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(kind, ttl, data):
    """Of the name that was asked for."""
    return struct.pack("!HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data


def message(number, flags, asked, kind=A, answers=()):
    header = struct.pack("!6H", number, flags, 1, len(answers), 0, 0)
    return header + name(asked) + struct.pack("!HH", kind, 1) + b"".join(answers)


def framed(data):
    """For TCP."""
    return struct.pack("!H", len(data)) + data
