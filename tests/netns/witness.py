# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An independent count of what crosses a device: a packet socket that asks the kernel for the
segment size of each super-packet, so that packets and bytes are those of the wire."""
import ipaddress
import socket
import struct
import threading
from collections import namedtuple

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
VNET_HEADER = struct.Struct("=BBHHHH")
HEADERS_MAX = 256

Key = namedtuple("Key", "src dst protocol sport dport")


class Count:
    def __init__(self, packets=0, bytes_=0):
        self.packets, self.bytes = packets, bytes_

    def add(self, packets, bytes_):
        self.packets += packets
        self.bytes += bytes_

    def __eq__(self, other):
        return isinstance(other, Count) and vars(self) == vars(other)

    def __repr__(self):
        return f"{self.packets} packets {self.bytes} bytes"


def _ports(protocol, rest):
    """Ports and the length of the transport header; ICMP: type and code."""
    if protocol == socket.IPPROTO_TCP:
        return struct.unpack("!HH", rest[:4]), (rest[12] >> 4) * 4
    if protocol == socket.IPPROTO_UDP:
        return struct.unpack("!HH", rest[:4]), 8
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        return (rest[0], rest[1]), 8
    return (0, 0), 0


def parse(frame):
    """(Key, length of all headers) of an Ethernet frame without tags; None when it is not IP."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    if ethertype == 0x0800:
        begin, protocol = 14 + (frame[14] & 0x0f) * 4, frame[23]
        src, dst = frame[26:30], frame[30:34]
    elif ethertype == 0x86dd:
        begin, protocol = 54, frame[20]
        src, dst = frame[22:38], frame[38:54]
        if protocol == 0:  # hop-by-hop options: MLD
            begin, protocol = begin + (frame[begin + 1] + 1) * 8, frame[begin]
    else:
        return None
    ports, length = _ports(protocol, frame[begin:])
    return Key(str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), protocol,
               *ports), begin + length


def wire(length, headers, segment):
    """Packets and bytes that a super-packet of `length` is on the wire."""
    payload = length - headers
    if not segment or payload <= segment:
        return 1, length
    packets = -(-payload // segment)
    return packets, length + (packets - 1) * headers


class Witness:
    """Counts by key from start to stop(); `others` counts what is not IP."""

    def __init__(self, namespace, interface):
        self.flows, self.others = {}, Count()
        with namespace:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.settimeout(0.05)
        self._stopping = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        head = bytearray(HEADERS_MAX)
        while True:
            try:
                # MSG_TRUNC: returns the length of the packet, not of what was copied
                length = self._socket.recv_into(head, HEADERS_MAX, socket.MSG_TRUNC)
            except socket.timeout:
                if self._stopping:
                    return
                continue
            except OSError:  # the device has gone with its namespace
                return
            self._count(head, length)

    def _count(self, head, length):
        segment = VNET_HEADER.unpack_from(head)[3]
        frame, length = bytes(head[VNET_HEADER.size:]), length - VNET_HEADER.size
        parsed = parse(frame)
        if not parsed:
            self.others.add(1, length)
            return
        key, headers = parsed
        self.flows.setdefault(key, Count()).add(*wire(length, headers, segment))

    def stop(self):
        """Reads what has already arrived; fails when the kernel had to drop packets."""
        self._stopping = True
        self._thread.join()
        _, drops = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        assert drops == 0, f"the witness missed {drops} packets"
        return self
