#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The page of the real flowd: promtool finds nothing to complain of, Prometheus scrapes it, tokens
and TLS are asked for, and what it says is what flowcli says."""
import json
import os
import re

import feeding
import otlp
import recorder
from feeding import Case, tap, wait_until
from daemon import Daemon
from lab import Cluster

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy")
PROMETHEUS = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs: [{{job_name: flowd, static_configs: [{{targets: ['127.0.0.1:9965']}}]}}]
"""


class Metrics(Case):
    def setUp(self):
        super().setUp()
        self.lab.close()
        self.lab = Cluster()
        self.addCleanup(self.lab.close)
        self.net = self.lab.node

    def daemon(self, **settings):
        return Daemon(self.lab, self.lab.node, ["web", "client"],
                      {f"metrics.{key}": value for key, value in settings.items()}).ready()

    def page(self, *arguments, check=True):
        return self.net.run("curl", "-s", *arguments, "http://127.0.0.1:9965/metrics",
                            check=check).stdout

    @staticmethod
    def value(page, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
        return float(found.group(1)) if found else None

    def pings(self, count=5):
        self.lab.client.run("ping", "-q", "-c", count, "-i", "0.01", self.lab.WEB4)
        wait_until("the pings are counted", lambda: self.value(
            self.page(), 'hubble_icmp_total{family="IPv4",type="EchoRequest"}') == count, 20)

    def test_page(self):
        """promtool's lint, numbers as in the status, and OpenMetrics on request"""
        daemon = self.daemon()
        self.pings()
        page = self.page()
        lint = self.net.run("promtool", "check", "metrics", input=page, check=False)
        self.assertEqual((lint.returncode, lint.stderr), (0, ""))
        status, again, after = daemon.status(), self.page(), daemon.status()
        for name, told in (("flowd_packets_accounted_total", lambda of: of["packets_accounted"]),
                           ('flowd_ledger{counter="arp_packets"}',
                            lambda of: of["ledger"]["arp_packets"])):
            self.assertLessEqual(float(told(status)), self.value(again, name))
            self.assertLessEqual(self.value(again, name), float(told(after)))
        self.assertEqual(self.value(page, "flowd_interface_attached"
                                    '{interface="web",mode="tcx"}'), 1)
        self.assertGreaterEqual(self.value(page, "flowd_kernel_table_entries"), 2)
        for program in ("tc_ingress", "tc_egress"):
            self.assertRegex(page, rf'flowd_program_runs_total{{program="{program}",id="\d+"}} \d')
        self.assertGreaterEqual(self.value(
            self.page(), 'hubble_metrics_http_handler_requests_total{code="200"}'), 1)
        other = self.page("-H", "Accept: application/openmetrics-text; version=1.0.0")
        self.assertTrue(other.endswith("# EOF\n"))
        self.assertIn("# TYPE hubble_icmp counter\n", other)
        self.assertEqual(daemon.stop(), 0)

    def test_rules(self):
        """rules pass their own tests; what rules and dashboards ask for is on the page"""
        rules = os.path.join(DEPLOY, "prometheus/flowd.rules.yaml")
        for command in (["check", "rules", rules],
                        ["test", "rules", rules.replace(".yaml", ".test.yaml")]):
            done = self.net.run("promtool", *command, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        daemon = Daemon(self.lab, self.lab.node, ["web"], {
            "export.0.type": "file", "export.0.path": self.path("out"),
            "metrics.push_url": "http://127.0.0.1:8080"}).ready()
        known = set(re.findall(r"^# HELP (\S+) ", self.page(), re.MULTILINE))
        asked = {}
        for name in [rules] + [os.path.join(DEPLOY, "grafana", name)
                               for name in os.listdir(os.path.join(DEPLOY, "grafana"))]:
            with open(name, encoding="utf-8") as file:
                for metric in re.findall(r"\b((?:hubble|flowd)_[a-z_0-9]+)", file.read()):
                    asked[re.sub("_(bucket|count|sum)$", "", metric)] = name
        self.assertGreater(len(asked), 20)
        self.assertEqual({metric: name for metric, name in asked.items()
                          if metric not in known}, {})
        self.assertEqual(daemon.stop(), 0)

    def test_contexts(self):
        """Hubble's context options: who, by address; the largest are kept, the others are told"""
        for end in (self.lab.node, self.lab.web, self.lab.client):  # its neighbours are ICMP too
            end.set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
        self.daemon(enable="icmp:sourceContext=pod|ip;labelsContext=destination_ip,"
                           "traffic_direction port-distribution", max_series=2)
        self.lab.client.run("ping", "-q", "-c", 3, "-i", "0.01", self.lab.WEB4)
        name = (f'hubble_icmp_total{{family="IPv4",type="EchoRequest",source="{self.lab.CLIENT4}",'
                f'destination_ip="{self.lab.WEB4}",traffic_direction="ingress"}}')
        wait_until("the pings are told", lambda: self.value(self.page(), name) == 3, 20)
        for port in range(1, 9):
            self.lab.client.run("curl", "-s", "-m", "2", f"http://{self.lab.WEB4}:{port}",
                                check=False)
        other = 'hubble_port_distribution_total{protocol="other",port="other"}'
        wait_until("the rest is told", lambda: (self.value(self.page(), other) or 0) >= 6, 20)
        folded = 'flowd_metric_folded_total{metric="hubble_port_distribution_total"}'
        self.assertGreaterEqual(self.value(self.page(), folded), 6)

    def test_prometheus(self):
        """a real Prometheus scrapes it"""
        self.daemon()
        self.pings()
        os.mkdir(self.path("tsdb"))
        self.start("prometheus", f"--config.file={self.path('prom.yml', PROMETHEUS.format())}",
                   f"--storage.tsdb.path={self.path('tsdb')}",
                   "--web.listen-address=127.0.0.1:9090", log="prom.log")
        query = "http://127.0.0.1:9090/api/v1/query?query=hubble_icmp_total"

        def answer():
            text = self.net.run("curl", "-s", query, check=False).stdout
            return json.loads(text)["data"]["result"] if text.startswith("{") else []
        rows = wait_until("Prometheus has it", answer, 30)
        self.assertIn("5", [row["value"][1] for row in rows])

    def test_guarded(self):
        """HTTPS with a token: nothing without it"""
        self.pki()
        self.daemon(cert=self.path("server.crt"), key=self.path("server.key"),
                    token_file=self.path("token", "secret\n"))
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert",
               self.path("ca.crt"), "https://localhost:9965/metrics"]
        self.path("hosts")
        self.assertEqual(self.net.run(*ask).stdout, "401")
        self.assertEqual(self.net.run(*ask, "-H", "Authorization: Bearer secret").stdout, "200")
        self.assertEqual(self.net.run(*ask, "-H", "Authorization: Bearer secreT").stdout, "401")

    def test_push(self):
        """pushed by OTLP/HTTP: what the page says, in the messages of opentelemetry-proto"""
        server = recorder.serve(self, lambda request, body: (200, {}, b'{"partialSuccess":{'
                                                             b'"rejectedDataPoints":"2"}}'))
        self.daemon(push_url="http://127.0.0.1:8080", push_interval="1s",
                    push_token_file=self.path("token", "secret\n"))
        self.pings()
        icmp = {"family": "IPv4", "type": "EchoRequest"}
        wait_until("the pings are pushed", lambda: server.posts and self.pushed(
            server, "hubble_icmp_total", icmp) == "5", 20)
        self.assertEqual({post[1] for post in server.posts}, {"/v1/metrics"})
        headers = server.posts[-1][2]
        self.assertEqual((headers["Authorization"], headers["Content-Encoding"],
                          headers["Content-Type"]), ("Bearer secret", "gzip", "application/json"))
        page = self.page()
        before = len(server.posts)  # the next body may be older than the page, the one after is not
        wait_until("it is pushed after the page", lambda: len(server.posts) > before + 1, 20)
        found = otlp.metrics(json.loads(server.posts[-1][3]))
        total = found["hubble_icmp_total"]["sum"]
        self.assertEqual((total["aggregationTemporality"], total["isMonotonic"]), (2, True))
        point = total["dataPoints"][0]
        self.assertLess(int(point["startTimeUnixNano"]), int(point["timeUnixNano"]))
        for point in found["flowd_tcp_handshake_seconds"]["histogram"]["dataPoints"]:
            self.assertEqual(len(point["bucketCounts"]), len(point["explicitBounds"]) + 1)
            self.assertEqual(sum(map(int, point["bucketCounts"])), int(point["count"]))
        self.assertEqual(found["flowd_tcp_handshake_seconds"]["unit"], "s")
        named = set(re.findall("^# HELP (\\S+)", page, re.MULTILINE))
        empty = {name for name in named if not re.search(rf"^{name}[_{{ ]", page, re.M)}
        self.assertEqual(named - empty - set(found), set())
        wait_until("what was not wanted is told", lambda: self.value(
            self.page(), "flowd_metrics_push_rejected_total") > 0, 20)

    def tls(self, name, ca="ca"):
        return {"push_url": "https://127.0.0.1:8080", "push_interval": "1s",
                "push_ca": self.path(f"{ca}.crt"), "push_cert": self.path(f"{name}.crt"),
                "push_key": self.path(f"{name}.key")}

    def test_push_tls(self):
        """pushed by mutual TLS; a stranger and a server of another CA are told, and get nothing"""
        self.pki()
        server = recorder.serve(self, tls=self.mutual_tls())
        stranger = dict(self.tls("client"), push_cert="", push_key="")
        # TLS 1.3: the server's alert may be lost in its reset, so how it refuses is not always heard
        for settings, said in ((self.tls("rogue"), "push_url: https://127.0.0.1:8080"),
                               (stranger, "push_url: https://127.0.0.1:8080"),
                               (self.tls("client", "rogue-ca"), "certificate problem")):
            daemon = self.daemon(**settings)
            wait_until("the failure is told", lambda run=daemon: "trying again every interval"
                       in run.messages(), 20)
            self.assertEqual(daemon.stop(), 0)
            self.assertIn(said, daemon.messages())
        self.assertEqual(server.posts, [])
        daemon = self.daemon(**self.tls("client"))
        self.pings()
        wait_until("the pings are pushed", lambda: server.posts and self.pushed(
            server, "hubble_icmp_total", {"family": "IPv4", "type": "EchoRequest"}) == "5", 20)
        self.assertNotIn("push_url", daemon.messages())

    @staticmethod
    def pushed(server, name, labels):
        """The value of a series in the latest body."""
        metric = otlp.metrics(json.loads(server.posts[-1][3])).get(name, {"sum": {"dataPoints": []}})
        for point in metric["sum"]["dataPoints"]:
            if {one["key"]: one["value"]["stringValue"] for one in point["attributes"]} == labels:
                return point["asInt"]
        return None

    def test_push_failing(self):
        """a receiver that is away is told once, not at every attempt; when it is back all goes on"""
        daemon = self.daemon(push_url="http://127.0.0.1:8080", push_interval="1s")
        wait_until("the failure is counted", lambda: (self.value(
            self.page(), "flowd_metrics_push_failures_total") or 0) >= 2, 20)
        self.assertEqual(daemon.messages().count("trying again every interval"), 1)
        server = recorder.serve(self)
        wait_until("it works again", lambda: "push_url: works again" in daemon.messages(), 20)
        self.assertTrue(server.posts)
        self.assertEqual(daemon.stop(), 0)

    def test_taken(self):
        """an address that is taken is told; the daemon works without the page"""
        self.start("python3", "-m", "http.server", "--bind", "127.0.0.1", "9965", log="other.log")
        self.listening(9965)
        daemon = self.daemon()
        self.assertIn("going on without metrics, remedy: another metrics.listen",
                      daemon.messages())


if __name__ == "__main__":
    assert feeding
    tap.main()
