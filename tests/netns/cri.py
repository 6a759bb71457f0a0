# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods as a kubelet makes them: containerd's CRI plugin asked over gRPC, its network by CNI. What a
kubelet sends is little enough to be encoded here (k8s.io/cri-api, runtime/v1/api.proto)."""
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import uuid

import engines
from lab import wait_until

try:
    import grpc
except ImportError:
    grpc = None

CNI = "/usr/lib/cni"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def missing():
    if grpc is None:
        return "not installed: python3-grpcio"
    if not os.path.exists(f"{CNI}/bridge"):
        return "not installed: containernetworking-plugins"
    return engines.missing("containerd", "ctr", "runc")


# ---- protobuf, as far as requests need it ------------------------------------------------------


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(fields):
    """{number: text, number, message as a dict, or list of these} as bytes."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += _varint(number << 3) + _varint(one)
                continue
            data = message(one) if isinstance(one, dict) else one.encode()
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def _number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def field(data, wanted):
    """The first field of this number that is a text or a message, as bytes."""
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        value, at = _number(data, at)
        if tag & 7 == 2:
            if tag >> 3 == wanted:
                return data[at:at + value]
            at += value
    return b""


# ---- the image ---------------------------------------------------------------------------------


def image(path, rootfs):
    """An OCI archive of a directory; without a command its containers wait."""
    blobs = {}

    def blob(data):
        blobs[hashlib.sha256(data).hexdigest()] = data
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def part(kind, data):
        return {"mediaType": kind, "digest": blob(data), "size": len(data)}
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(rootfs, ".")
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {
            "Entrypoint": [engines.BUSYBOX, "sleep", "600"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [blob(layer.getvalue())]}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "config": part(CONFIG, config),
                           "layers": [part(LAYER, layer.getvalue())]}).encode()
    index = {"schemaVersion": 2, "manifests": [{**part(MANIFEST, manifest), "annotations": {
        "io.containerd.image.name": engines.IMAGE}}]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(),
             **{f"blobs/sha256/{digest}": data for digest, data in blobs.items()}}
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


# ---- pods --------------------------------------------------------------------------------------


class Pod:
    def __init__(self, sandbox, container, uid, address):
        self.sandbox, self.container, self.uid, self.address = sandbox, container, uid, address


class Pods(engines.Engine):
    """containerd with its CRI plugin, and a bridge in the namespace for its pods."""

    def __init__(self, lab, namespace):
        super().__init__(lab, namespace, "cri")
        self.settings = {"identity.containerd": self.path("state")}
        self.sandboxes = []
        self._configure()
        with open(self.path("log"), "wb") as log:
            self.process = lab.start(namespace, "containerd", "-c", self.path("config.toml"),
                                     stdout=log, stderr=log)
        image(self.path("image.tar"), self.rootfs())
        wait_until("containerd answers", lambda: self.ctr("version", check=False), 20)
        self.ctr("images", "import", self.path("image.tar"))
        self.channel = grpc.insecure_channel(f"unix://{self.path('sock')}", options=[
            ("grpc.default_authority", "localhost")])
        wait_until("the network is ready", lambda: b"NetworkReady" in self.call("Status", {}), 20)

    def _configure(self):
        os.makedirs(self.path("cni"))
        self.write("config.toml", (
            f'version = 2\nroot = "{self.path("root")}"\nstate = "{self.path("state")}"\n'
            f'[grpc]\n  address = "{self.path("sock")}"\n'
            '[plugins."io.containerd.grpc.v1.cri"]\n'
            f'  sandbox_image = "{engines.IMAGE}"\n  restrict_oom_score_adj = true\n'
            '  netns_mounts_under_state_dir = true\n  disable_apparmor = true\n'
            '  [plugins."io.containerd.grpc.v1.cri".containerd]\n    snapshotter = "native"\n'
            '  [plugins."io.containerd.grpc.v1.cri".cni]\n'
            f'    bin_dir = "{CNI}"\n    conf_dir = "{self.path("cni")}"\n'))
        self.write("cni/10-pods.conflist", json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "cni", "isGateway": True, "ipam": {
                    "type": "host-local", "dataDir": self.path("addresses"),
                    "ranges": [[{"subnet": "10.88.7.0/24"}]]}}]}))

    def ctr(self, *arguments, check=True):
        return self.run("ctr", "-a", self.path("sock"), "-n", "k8s.io", *arguments, check=check)

    def call(self, name, fields):
        """The answer's bytes."""
        method = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{name}",
                                          request_serializer=message)
        return method(fields, timeout=60, wait_for_ready=True)

    def start(self, space, name, container, command):
        uid = str(uuid.uuid4())
        parent = f"kubepods/burstable/pod{uid}"
        sandbox = {1: {1: name, 2: uid, 3: space}, 2: name, 3: self.path("logs", name),
                   8: {1: f"/{parent}"}}
        self.groups.append(parent)
        made = self.call("RunPodSandbox", {1: sandbox})
        identifier = field(made, 1).decode()
        self.sandboxes.append(identifier)
        made = self.call("CreateContainer", {1: identifier, 3: sandbox, 2: {
            1: {1: container}, 2: {1: engines.IMAGE}, 3: [engines.BUSYBOX], 4: command,
            11: f"{container}.log"}})
        started = field(made, 1).decode()
        self.call("StartContainer", {1: started})
        status = field(self.call("PodSandboxStatus", {1: identifier}), 1)
        return Pod(identifier, started, uid, field(field(status, 5), 1).decode())

    def close(self):
        for identifier in self.sandboxes:
            self.call("StopPodSandbox", {1: identifier})
            self.call("RemovePodSandbox", {1: identifier})
        self.channel.close()
        self.process.terminate()
        self.process.wait(20)
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            left = re.findall(rf"^\S+ ({re.escape(self.directory)}\S*) ", mounts.read(), re.M)
        for mount in reversed(left):
            subprocess.run(["umount", "-q", mount], check=False)
