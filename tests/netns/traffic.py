# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Traffic with both ends in this process: what happens is decided here, packet for packet."""
import socket
import threading


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _read_all(connection, size):
    left = size
    while left:
        data = connection.recv(min(left, 1 << 20))
        assert data, f"connection closed {left} bytes early"
        left -= len(data)


class TcpPair:
    """An established connection; client and server are sockets."""

    def __init__(self, client_ns, server_ns, address, port):
        with server_ns:
            listener = socket.create_server((address, port), family=_family(address))
        with client_ns:
            self.client = socket.socket(_family(address), socket.SOCK_STREAM)
        self.client.connect((address, port))
        self.server, _ = listener.accept()
        listener.close()
        self.port = self.client.getsockname()[1]
        for end in (self.client, self.server):
            end.settimeout(30)

    def say(self, size):
        self._carry(self.client, self.server, size)

    def answer(self, size):
        self._carry(self.server, self.client, size)

    @staticmethod
    def _carry(sender, receiver, size):
        reader = threading.Thread(target=_read_all, args=(receiver, size))
        reader.start()
        sender.sendall(bytes(size))
        reader.join()

    def close(self):
        """FIN from the client, then from the server, each seen by the other side."""
        self.client.shutdown(socket.SHUT_WR)
        assert self.server.recv(1) == b""
        self.server.close()
        assert self.client.recv(1) == b""
        self.client.close()


def tcp(client_ns, server_ns, address, port, request=100, response=1000):
    """A whole conversation; returns the client's port."""
    pair = TcpPair(client_ns, server_ns, address, port)
    pair.say(request)
    pair.answer(response)
    pair.close()
    return pair.port


def udp(client_ns, server_ns, address, port, count=1, size=64):
    """`count` datagrams, each answered by one of the same size; returns the client's port."""
    with server_ns, socket.socket(_family(address), socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        with client_ns, socket.socket(_family(address), socket.SOCK_DGRAM) as client:
            client.connect((address, port))
            for end in (server, client):
                end.settimeout(5)
            for _ in range(count):
                client.send(bytes(size))
                data, sender = server.recvfrom(65536)
                server.sendto(data, sender)
                client.recv(65536)
            return client.getsockname()[1]


def udp_spray(client_ns, address, flows, packets=1, size=32):
    """One-way datagrams of `flows` flows to a closed port, `packets` each, round by round."""
    with client_ns:
        sockets = [socket.socket(_family(address), socket.SOCK_DGRAM) for _ in range(flows)]
    for number, end in enumerate(sockets):
        end.bind(("", 0))
    for _ in range(packets):
        for number, end in enumerate(sockets):
            end.sendto(bytes(size), (address, 1024 + number % 60000))
    for end in sockets:
        end.close()


def refused(client_ns, address, port):
    """True when the other side answered with a reset."""
    with client_ns, socket.socket(_family(address), socket.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect((address, port))
        except ConnectionRefusedError:
            return True
    return False


def dropped(client_ns, address, port, seconds=0.3):
    """True when nobody answered within `seconds`."""
    with client_ns, socket.socket(_family(address), socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            client.connect((address, port))
        except socket.timeout:
            return True
    return False


def send_udp(namespace, address, port, size=32, count=1, source=None, ttl=None, dont_fragment=False):
    """Datagrams that nobody answers; returns their source port."""
    with namespace, socket.socket(_family(address), socket.SOCK_DGRAM) as sender:
        if source:
            sender.bind((source, 0))
        if ttl:
            sender.setsockopt(socket.SOL_IP, socket.IP_TTL, ttl)
        if dont_fragment:
            sender.setsockopt(socket.SOL_IP, 10, 3)  # IP_MTU_DISCOVER, IP_PMTUDISC_PROBE
        for _ in range(count):
            sender.sendto(bytes(size), (address, port))
        return sender.getsockname()[1]
