# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""JSON bodies of OTLP/HTTP against the messages of opentelemetry-proto (tests/schemas/otlp.txt), by
the rules of its JSON encoding: lower camel case, 64-bit integers as strings, enumerations as
numbers, no field that the message does not have."""
import os

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../schemas/otlp.txt")
with open(LIST, encoding="ascii") as lines:
    FIELDS = dict(line.split() for line in lines)
MESSAGES = {name.split(".")[0] for name in FIELDS}
LONG = ("fixed64", "sfixed64", "int64", "uint64")
NUMBER = ("int32", "uint32", "fixed32", "AggregationTemporality", "SeverityNumber")


def check_scalar(value, kind, path):
    if kind in LONG:
        good = isinstance(value, str) and value.lstrip("-").isdigit()
    elif kind == "double":
        good = isinstance(value, (int, float)) or value in ("NaN", "Infinity", "-Infinity")
    elif kind == "bool":
        good = isinstance(value, bool)
    elif kind in NUMBER:
        good = isinstance(value, int) and not isinstance(value, bool)
    else:
        good = kind in ("string", "bytes") and isinstance(value, str)
    assert good, f"{path}: {value!r} is no {kind}"


def check(value, kind, path=""):
    """Raises AssertionError where `value` is no JSON of the message or scalar `kind`."""
    if kind.endswith("[]"):
        assert isinstance(value, list), f"{path}: no list"
        for number, one in enumerate(value):
            check(one, kind[:-2], f"{path}[{number}]")
    elif kind in MESSAGES:
        assert isinstance(value, dict), f"{path}: no object"
        for key, one in value.items():
            assert f"{kind}.{key}" in FIELDS, f"{path}: {kind} has no field {key}"
            check(one, FIELDS[f"{kind}.{key}"], f"{path}.{key}")
    else:
        check_scalar(value, kind, path)


def metrics(body):
    """Metrics of a request by name."""
    check(body, "ExportMetricsServiceRequest")
    return {metric["name"]: metric for resource in body["resourceMetrics"]
            for scope in resource["scopeMetrics"] for metric in scope["metrics"]}
