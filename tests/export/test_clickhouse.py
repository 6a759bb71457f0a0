#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of deploy/clickhouse.sql in a real ClickHouse: every record is a row, once, although the
server is killed three times and the feed once."""
import os
import shutil
import signal

import feeding
from feeding import Case, options, tap, wait_until

CONFIG = """<?xml version="1.0"?>
<yandex><logger><level>warning</level><log>{dir}/ch.log</log><errorlog>{dir}/ch.err</errorlog></logger>
<http_port>8123</http_port><tcp_port>9000</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{dir}/data/</path><tmp_path>{dir}/data/tmp/</tmp_path><user_files_path>{dir}/data/uf/</user_files_path>
<format_schema_path>{dir}/data/fs/</format_schema_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>536870912</mark_cache_size><timezone>UTC</timezone></yandex>
"""
SQL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/clickhouse.sql")


class ClickHouse(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("data"))
        shutil.copy("/etc/clickhouse-server/users.xml", self.path("users.xml"))
        self.path("config.xml", CONFIG.format(dir=self.lab.directory))
        self.serve()
        with open(SQL, encoding="utf-8") as file:
            for statement in file.read().split(";"):
                if statement.strip():
                    self.sql(statement)

    def serve(self):
        self.server = self.start("clickhouse-server", f"--config-file={self.path('config.xml')}",
                                 log="ch.out", cwd=self.lab.directory)
        wait_until("clickhouse answers", lambda: self.net.run(
            "curl", "-s", "http://127.0.0.1:8123/ping", check=False).stdout == "Ok.\n", 60)

    def sql(self, text):
        done = self.net.run("curl", "-s", "--data-binary", "@-", "http://127.0.0.1:8123/",
                            input=text)
        self.assertNotIn("Exception", done.stdout)
        return done.stdout.strip()

    def settings(self, **more):
        return {"type": "http", "preset": "clickhouse", "url": "http://127.0.0.1:8123",
                "batch": "5000", **more}

    def test_rows(self):
        """columns hold what records say"""
        report = self.feed(20000, **self.settings())
        self.assertEqual((report["acknowledged"], report["lost"]), (20000, 0))
        self.assertEqual(self.sql("SELECT count(), uniqExact(id) FROM flows"), "20000\t20000")
        self.assertEqual(self.sql("SELECT source_ip, destination_port, protocol, packets, bytes, "
                                  "end_reason, first_seen_ms FROM flows WHERE source_ip="
                                  "'10.0.0.2'"),
                         "10.0.0.2\t53\t6\t3\t300\tfin\t1699999999502")

    def test_events(self):
        """drops, DNS, TCP trouble and who the ends are have their columns"""
        report = self.feed(80, "--mix", "1", **self.settings())
        self.assertEqual((report["acknowledged"], report["lost"]), (80, 0))
        for columns, condition, row in (
                ("drop_reason, drop_site, drop_hook, drop_table, drop_chain, dropped",
                 "kind='drop'", "NETFILTER_DROP nft_do_chain input filter pods 3"),
                ("dns_query, dns_type, dns_rcode, dns_ips, dns_ttl, dns_latency_us",
                 "dns_message='response'",
                 "example.com. A NOERROR 1.2.3.4 2001:db8::1 30 1234"),
                ("verdict, dns_query, dns_retries", "dns_message='timeout'",
                 "ERROR example.com. 1"),
                ("source_process, source_uid, source_pod, source_image, source_nat_ip, "
                 "destination_identity, retransmits, handshake_us", "source_pid=4711",
                 "curl 1000 shop/web-0 localhost/bb:2 192.0.2.7 world 7 1200")):
            with self.subTest(condition):
                self.assertEqual(self.sql(f"SELECT DISTINCT {columns} FROM flows WHERE {condition}"
                                          ).replace("\t", " "), row)

    def test_killed(self):
        """killed servers and a killed feed: nothing lost, what came twice has the same id"""
        count = int(os.environ.get("FLOWD_EXPORT_RECORDS", "30000"))
        os.mkdir(self.path("spool"))
        arguments = ["--progress", self.path("progress"),
                     *options(**self.settings(spool=self.path("spool"), spool_size="4GiB",
                                              timeout="5s"))]
        feed = self.start(feeding.FEED, "--records", count, "--rate", count // 5, *arguments)
        for turn in range(1, 4):
            wait_until("rows come", lambda: self.rows() > count * turn // 6, 120)
            self.server.kill()
            self.server.wait()
            if turn == 2:
                feed.send_signal(signal.SIGKILL)
                feed.wait()
                done = int(self.lines("progress")[0])
                feed = self.start(feeding.FEED, "--start", done, "--records", count - done + 1,
                                  *arguments)
            self.serve()
        self.assertEqual(feed.wait(180), 0)
        self.assertEqual(self.sql("SELECT uniqExact(id), uniqExact(id, source_ip, bytes, time_ms)"
                                  " FROM flows"), f"{count}\t{count}")
        print(f"# {count} records, {self.rows()} rows", flush=True)

    def rows(self):
        text = self.net.run("curl", "-s", "--data-binary", "SELECT count() FROM flows",
                            "http://127.0.0.1:8123/", check=False).stdout.strip()
        return int(text) if text.isdigit() else 0


if __name__ == "__main__":
    tap.main()
