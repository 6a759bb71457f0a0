#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes ecs.txt, ocsf.txt, ocsf_dns.txt and otlp.txt from checkouts of what their publishers publish:
lists.py ecs CHECKOUT of elastic/ecs, lists.py ocsf|ocsf_dns CHECKOUT of ocsf/ocsf-schema,
lists.py otlp CHECKOUT of open-telemetry/opentelemetry-proto."""
import csv
import io
import json
import re
import subprocess
import sys

ECS = ("v8.11.0", "generated/csv/fields.csv")
ECS_SETS = ("@timestamp agent client container destination dns ecs error event host labels message "
            "network observer orchestrator process related rule server service source tags user")
ECS_PROCESS = ("name", "pid", "executable", "user", "real_user", "command_line", "args")
ECS_NUMBERS = ("long", "float", "scaled_float", "integer")
OCSF = "v1.2.0"
OCSF_CLASSES = {"ocsf": "events/network/network_activity.json", "ocsf_dns": "events/network/dns.json"}
OCSF_DEPTH = 4
OCSF_SKIP = ("agent_list api attacks authorizations cloud data_classification file groups hash hw_info "
             "idp ldap_person load_balancer malware org os parent_process proxy proxy_connection_info "
             "proxy_http_request proxy_http_response proxy_tls proxy_traffic session tls account url "
             "device_hw_info network_interfaces observables enrichments")
OCSF_NUMBERS = ("integer_t", "long_t", "float_t", "timestamp_t", "port_t")
OTLP = "v1.5.0"
OTLP_FILES = ("collector/metrics/v1/metrics_service", "collector/logs/v1/logs_service",
              "metrics/v1/metrics", "logs/v1/logs", "common/v1/common", "resource/v1/resource")


def show(checkout, tag, path):
    return subprocess.run(["git", "-C", checkout, "show", f"refs/tags/{tag}:{path}"], check=True,
                          capture_output=True, text=True).stdout


def ecs(checkout):
    for row in csv.DictReader(io.StringIO(show(checkout, *ECS))):
        name, kind = row["Field"], row["Type"]
        parts = name.split(".")
        if parts[0] in ECS_SETS.split() and (parts[0] != "process" or parts[1] in ECS_PROCESS):
            yield name, "number" if kind in ECS_NUMBERS else kind


class Ocsf:
    """Attributes of a class by their paths, with those of its parents and profiles."""

    def __init__(self, checkout):
        self.checkout = checkout
        self.dictionary = self.load("dictionary.json")["attributes"]
        files = subprocess.run(["git", "-C", checkout, "ls-tree", "-r", "--name-only",
                                f"refs/tags/{OCSF}", "objects", "events"], check=True,
                               capture_output=True, text=True).stdout.split()
        self.named = {path.rsplit("/", 1)[1][:-5]: path for path in files}

    def load(self, path):
        return json.loads(show(self.checkout, OCSF, path))

    def attributes(self, path):
        about = self.load(path)
        names = set()
        if about.get("extends"):
            names |= self.attributes(self.named[about["extends"]])
        for include in about["attributes"].get("$include", []):
            names |= set(self.load(include)["attributes"])
        return names | set(about["attributes"]) - {"$include"}

    def walk(self, path, prefix, depth):
        for name in sorted(self.attributes(path)):
            kind = self.dictionary.get(name, {}).get("type", "string_t")
            if kind.endswith("_t"):
                kind = ("number" if kind in OCSF_NUMBERS else
                        "boolean" if kind == "boolean_t" else "string")
                yield prefix + name, kind
                continue
            yield prefix + name, "object"
            if depth > 1 and kind in self.named and name not in OCSF_SKIP.split() + prefix.split("."):
                yield from self.walk(self.named[kind], f"{prefix}{name}.", depth - 1)


def otlp(checkout):
    """Message.field, with the field's name in JSON, its type, and [] behind a repeated one's."""
    for name in OTLP_FILES:
        text = re.sub(r"//.*", "", show(checkout, OTLP, f"opentelemetry/proto/{name}.proto"))
        for message, body in re.findall(r"^message (\w+) \{(.*?)^\}", text, re.M | re.S):
            for repeated, kind, field in re.findall(
                    r"^ +(repeated |optional )?([\w.]+) (\w+) = \d+", body, re.M):
                words = field.split("_")
                field = words[0] + "".join(word.capitalize() for word in words[1:])
                yield f"{message}.{field}", kind.split(".")[-1] + "[]" * (repeated == "repeated ")


def main():
    what, checkout = sys.argv[1:]
    if what == "ecs":
        rows = ecs(checkout)
    elif what == "otlp":
        rows = otlp(checkout)
    else:
        rows = Ocsf(checkout).walk(OCSF_CLASSES[what], "", OCSF_DEPTH)
    for name, kind in sorted(set(rows)):
        print(name, kind)


if __name__ == "__main__":
    main()
