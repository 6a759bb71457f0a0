#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A fleet: flowd on two nodes, a JetStream cluster of three, and flowcli over all of it. While it is
followed the stream's leader is killed and comes back; the replay is what the nodes' own histories
say; a message that is missing in the stream is told for its node."""
import json
import socket

import feeding
from feeding import FLOWCLI, Case, tap, wait_until
from daemon import Daemon, Follower, facts

NATS = """server_name: n{n}
listen: 0.0.0.0:422{n}
http: 127.0.0.1:822{n}
jetstream {{ store_dir: "{dir}/d{n}", max_mem: 64M, max_file: 1G }}
cluster {{ name: fleet, listen: 127.0.0.1:622{n}, routes: [ nats://127.0.0.1:6221, nats://127.0.0.1:6222, nats://127.0.0.1:6223 ] }}
"""


def servers(address):
    return ",".join(f"nats://{address}:422{number}" for number in (1, 2, 3))


class Node:
    """A node with a pod at its port `web`, and a link to where the stream is."""

    def __init__(self, case, number, name):
        self.name, self.number = name, number
        self.space, self.pod = case.lab.namespace(), case.lab.namespace()
        self.link(case.net, f"n{number}", self.space, "hub", f"10.77.{number}")
        self.link(self.space, "web", self.pod, "eth0", f"10.88.{number}")
        self.daemon = Daemon(case.lab, self.space, ["web"], {
            "node_name": name, "export.0.type": "nats", "export.0.cluster": "east",
            "export.0.servers": servers(f"10.77.{number}.1"), "export.0.replicas": "3",
            "flow.icmp_idle_timeout": "1s",
            "export.0.max_bytes": "256MiB", "export.0.timeout": "2s"}).ready()

    @staticmethod
    def link(near, near_name, far, far_name, network):
        near.ip("link", "add", near_name, "type", "veth", "peer", "name", far_name,
                "netns", far.path)
        for space, name, last in ((near, near_name, 1), (far, far_name, 2)):
            space.ip("addr", "add", f"{network}.{last}/24", "dev", name)
            space.ip("link", "set", name, "addrgenmode", "none", "up")

    def ping(self, size):
        """Two flows, known by the size of their packets."""
        self.pod.run("ping", "-q", "-c", 2, "-i", "0.01", "-s", size, f"10.88.{self.number}.1")


def pings(flows):
    """(node, bytes of the request) of the ends of pings."""
    return {(flow["node_name"], int(facts(flow)["total_bytes"]) // 2 - 42) for flow in flows
            if facts(flow)["kind"] == "flow_end" and not flow["is_reply"]}


def identity(flow):
    return flow["node_name"], flow["time"], flow["Summary"], json.dumps(facts(flow), sort_keys=True)


class Fleet(Case):
    def setUp(self):
        super().setUp()
        self.lost = []
        self.nats = {f"n{number}": self.serve(number) for number in (1, 2, 3)}
        wait_until("the cluster has a leader", lambda: self.jetstream(1).get(
            "meta_cluster", {}).get("leader"), 60)
        self.nodes = [Node(self, 1, "red-1"), Node(self, 2, "blue-1")]

    def serve(self, number):
        path = self.path(f"n{number}.conf", NATS.format(n=number, dir=self.lab.directory))
        return self.start("nats-server", "-c", path, log=f"n{number}.log")

    def jetstream(self, number):
        done = self.net.run("curl", "-s", "-m", "2", f"http://127.0.0.1:822{number}/jsz?streams=1"
                            "&config=1&consumers=1", check=False)
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    def leader(self):
        """Of the stream, as a living node says."""
        for number in (1, 2, 3):
            for account in self.jetstream(number).get("account_details", []):
                for stream in account.get("stream_detail", []):
                    if stream.get("cluster", {}).get("leader"):
                        return stream["cluster"]["leader"]
        return None

    def command(self, *arguments):
        return (FLOWCLI, "observe", "--nats", servers("127.0.0.1"), "--cluster", "east", "-o",
                "json", "--protocol", "icmp", *arguments)

    def replay(self, *arguments):
        done = self.net.run(*self.command("--all", *arguments), timeout=60)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.lost = [row["lost_events"] for row in rows if "lost_events" in row]
        return [row["flow"] for row in rows if "flow" in row], done.stderr

    def ping_all(self, size):
        for node in self.nodes:
            node.ping(size)
        return {(node.name, size) for node in self.nodes}

    def follow(self):
        with open(self.path("told"), "w", encoding="utf-8") as told:
            process = self.lab.start(self.net, *self.command("-f"), stdout=-1, stderr=told,
                                     text=True)
        wait_until("it is subscribed", lambda: any(
            self.jetstream(number).get("consumers") for number in (1, 2, 3)), 20)
        return Follower(process)

    def wait_for(self, follower, wanted, seconds=60):
        wait_until(f"{wanted} are followed", lambda: wanted <= pings(follower.records()), seconds)

    def test_leader_killed(self):
        """followed while the stream's leader is killed and comes back; the replay equals what the
        nodes hold, in the order of time; what is missing in the stream is told by node"""
        self.ping_all(50)
        wait_until("the stream is made", self.leader, 30)
        follower = self.follow()
        self.wait_for(follower, self.ping_all(100))
        leader = self.leader()
        self.nats[leader].kill()
        self.nats[leader].wait()
        self.wait_for(follower, self.ping_all(200))
        self.nats[leader] = self.serve(int(leader[1:]))
        self.wait_for(follower, self.ping_all(300))
        self.assertEqual(follower.stop(), 0)
        told = "\n".join(self.lines("told"))
        for node in self.nodes:
            self.assertRegex(told, f"node {node.name}: [0-9]+ records, complete")
        self.check_replay()
        self.check_missing()

    def check_replay(self):
        own = {identity(flow) for node in self.nodes for flow in node.daemon.records(
            "--all", "--protocol", "icmp")}
        flows, told = self.replay()
        self.assertEqual({identity(flow) for flow in flows}, own)
        self.assertEqual(len(flows), len(own))
        times = [flow["time"].rstrip("Z").ljust(29, "0") for flow in flows]
        self.assertEqual(times, sorted(times))
        self.assertRegex(told, "complete: [0-9]+ records; 2 nodes")
        flows, told = self.replay("--node", "re?-*")
        self.assertEqual({flow["node_name"] for flow in flows}, {"red-1"})
        self.assertRegex(told, "complete: [0-9]+ records; 1 node\n")

    def check_missing(self):
        """A message that the stream does not have any more is told for its node alone."""
        self.delete(self.message_between("blue-1"))
        flows, told = self.replay()
        self.assertRegex(told, "node red-1: [0-9]+ records, complete")
        self.assertRegex(told, "node blue-1: [0-9]+ records, INCOMPLETE, 1 messages missing")
        self.assertIn("INCOMPLETE", told.splitlines()[-1])
        self.assertEqual([lost["num_events_lost"] for lost in self.lost], ["1"])
        self.assertTrue(any(flow["node_name"] == "red-1" for flow in flows))

    def request(self, subject, text):
        """One request by NATS' own protocol; the answer's JSON."""
        with self.net:
            connection = socket.create_connection(("127.0.0.1", 4221), 5)
        with connection, connection.makefile("rwb") as file:
            file.readline()  # INFO
            file.write(b'CONNECT {"verbose":false}\r\nSUB _INBOX.t 1\r\n' +
                       f"PUB {subject} _INBOX.t {len(text)}\r\n{text}\r\n".encode())
            file.flush()
            while not (line := file.readline()).startswith(b"MSG"):
                assert line, "NATS hung up"
            return json.loads(file.read(int(line.split()[-1])))

    def message_between(self, name):
        """The stream's number of a message of the node that is neither its first nor its last."""
        last = self.request("$JS.API.STREAM.MSG.GET.FLOWS", json.dumps(
            {"last_by_subj": f"flows.east.{name}.flow"}))["message"]["seq"]
        found = []
        for number in range(1, last + 1):
            message = self.request("$JS.API.STREAM.MSG.GET.FLOWS", json.dumps({"seq": number}))
            if message.get("message", {}).get("subject", "").startswith(f"flows.east.{name}."):
                found.append(number)
        self.assertGreater(len(found), 2)
        return found[len(found) // 2]

    def delete(self, number):
        answer = self.request("$JS.API.STREAM.MSG.DELETE.FLOWS", json.dumps({"seq": number}))
        self.assertTrue(answer.get("success"), answer)


if __name__ == "__main__":
    assert feeding
    tap.main()
