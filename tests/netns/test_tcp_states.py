#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The life of a TCP connection as its sockets tell it: states with their durations, and the answer to a SYN
that is repeated."""
import socket
import time
import unittest

import tap
import traffic
from daemon import TIME_SCALE, Daemon, facts, key_of
from lab import Routed, wait_until
from witness import Key

PORT = 2301
CLIENT_STATES = ["ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE"]
SERVER_STATES = ["ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


class States(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Routed()
        cls.addClassCleanup(cls.lab.close)
        cls.daemon = Daemon(cls.lab, cls.lab.node, ["client", "server"],
                            {"flow.active_timeout": "1s", "events.tcp_states": "true"}).ready()

    def states(self, key):
        """Changes of state of the socket that sends as `key`."""
        return [facts(flow)["tcp"] for flow in self.daemon.incidents("--all", "-t", "tcp")
                if key_of(flow) == key and facts(flow)["kind"] == "tcp_state"]

    def test_states(self):
        """each change of both sockets, in order; how long the connection was up"""
        begun = time.monotonic_ns()
        pair = traffic.TcpPair(self.lab.client, self.lab.server, self.lab.SERVER4, PORT)
        up = time.monotonic_ns()
        pair.say(100)
        pair.answer(100_000)
        down = time.monotonic_ns()
        pair.close()
        ended = time.monotonic_ns()
        client = Key(self.lab.CLIENT4, self.lab.SERVER4, socket.IPPROTO_TCP, pair.port, PORT)
        server = Key(self.lab.SERVER4, self.lab.CLIENT4, socket.IPPROTO_TCP, PORT, pair.port)
        wait_until("the server's socket is closed", lambda: any(
            state["new_state"] == "CLOSE" for state in self.states(server)), 10 * TIME_SCALE)
        of_client, of_server = self.states(client), self.states(server)
        self.assertEqual([state["new_state"] for state in of_client], CLIENT_STATES)
        self.assertEqual([state["new_state"] for state in of_server], SERVER_STATES)
        self.assertEqual(of_client[0]["old_state"], "SYN_SENT")
        for states in (of_client, of_server):
            for before, after in zip(states, states[1:]):
                self.assertEqual(before["new_state"], after["old_state"])
        lasted = int(of_client[1]["duration_ns"])
        self.assertEqual(of_client[1]["old_state"], "ESTABLISHED")
        self.assertGreaterEqual(lasted, down - up)
        self.assertLessEqual(lasted, ended - begun)
        self.assertIn("ESTABLISHED to FIN_WAIT1 after", self.daemon.cli("observe", "--all", "-t", "tcp").stdout)

    def test_answer_is_repeated(self):
        """a SYN whose answer is lost: the answer's retransmission has its own kind, in event and row"""
        port = PORT + 1
        with self.lab.server:
            listener = socket.create_server((self.lab.SERVER4, port))
        with self.lab.client:
            client = socket.socket()
        self.addCleanup(listener.close)
        self.addCleanup(client.close)
        self.lab.node.drop(f"tcp sport {port}", "forward")
        client.setblocking(False)
        client.connect_ex((self.lab.SERVER4, port))
        answer = Key(self.lab.SERVER4, self.lab.CLIENT4, socket.IPPROTO_TCP, port, client.getsockname()[1])

        def told():
            return [facts(flow)["tcp"] for flow in self.daemon.incidents("--all", "-t", "tcp")
                    if key_of(flow) == answer and facts(flow)["kind"] == "tcp_retransmit"]

        def row():
            return any(facts(flow)["tcp"].get("retransmits_by", {}).get("syn_ack")
                       for flow in self.daemon.flows() if key_of(flow) == answer)
        wait_until("the answer's retransmission", told, 20 * TIME_SCALE)
        self.assertEqual({event["retransmit"] for event in told()}, {"syn_ack"})
        wait_until("the row that has it", row, 20 * TIME_SCALE)


if __name__ == "__main__":
    tap.main()
