# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real container engines in a lab, each with its own directories and, where it makes a network, in
a namespace of the lab. The image is busybox alone. What an engine left in the cgroup tree goes."""
import contextlib
import glob
import json
import os
import queue
import shutil
import socket
import subprocess
import threading

from lab import wait_until

BUSYBOX = "/bin/busybox"
IMAGE = "localhost/flowd-test:1"
CGROUPS = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                if os.path.exists(f"{path}/cgroup.procs")), None)
def _hierarchies():
    """Every mounted one: a runtime makes its cgroups in those of version 1, too."""
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        return [path for _, path, kind, *_ in map(str.split, mounts) if kind in ("cgroup", "cgroup2")]


HIERARCHIES = _hierarchies()
SERVE = ["httpd", "-f", "-p", "80", "-h", "/bin"]


def missing(*programs):
    """Why a test of these programs must be skipped, or None."""
    absent = [name for name in programs if not shutil.which(name)]
    if CGROUPS is None:
        return "no cgroup v2 hierarchy"
    return f"not installed: {', '.join(absent)}" if absent else None


def fetch(namespace, address, port=80):
    """A short-lived program asks the server in the container; True when it was answered."""
    done = namespace.run("curl", "-sS", "-o", "/dev/null", "--max-time", "5",
                         f"http://{address}:{port}/busybox", check=False)
    return done.returncode == 0


def remove_cgroups(pattern):
    """Directories of ours below the roots of the hierarchies, once their last processes are reaped."""
    def gone(found):
        for path, _, _ in os.walk(found, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass
        return not os.path.exists(found)
    for root in HIERARCHIES:
        for found in glob.glob(f"{root}/{pattern}"):
            wait_until(f"{found} is empty", lambda path=found: gone(path))


@contextlib.contextmanager
def cgroup(path):
    """Programs started inside live in this cgroup, which is made; threads of the test do not."""
    def move(where):
        with open(f"{where}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    with open("/proc/self/cgroup", encoding="ascii") as file:
        home = next(line[4:-1] for line in file if line.startswith("0::"))
    os.makedirs(f"{CGROUPS}/{path}")
    move(f"{CGROUPS}/{path}")
    try:
        yield
    finally:
        move(f"{CGROUPS}{home}")


class HttpSocket:
    """Stands in for an engine in trouble: takes one connection at a time on a unix socket, and
    answers when the test says so, what the test says."""

    def __init__(self, path):
        self.path = path
        self._answers = queue.Queue()
        self._requests = queue.Queue()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                self._requests.put(client.recv(4096))
                status, thing = self._answers.get()
                body = json.dumps(thing)
                with contextlib.suppress(OSError):
                    client.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
                                   f"{body}".encode())

    def asked(self):
        """True once for each request that has come."""
        with contextlib.suppress(queue.Empty):
            return bool(self._requests.get_nowait())
        return False

    def answer(self, status, thing):
        self._answers.put((status, thing))

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


class Engine:
    def __init__(self, lab, namespace, name):
        self.lab, self.namespace = lab, namespace
        self.groups = []  # cgroups to remove when it is closed
        self.directory = os.path.join(lab.directory, name)
        os.makedirs(self.directory)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def run(self, *command, check=True, **options):
        return self.namespace.run(*command, check=check, timeout=60, **options).stdout.strip()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def rootfs(self):
        root = self.path("rootfs")
        if not os.path.exists(root):
            for name in ("bin", "proc", "tmp"):
                os.makedirs(os.path.join(root, name))
            shutil.copy(BUSYBOX, os.path.join(root, "bin"))
        return root


class Runc(Engine):
    """runc alone: the test says in which namespace and cgroup the container lives."""

    def __init__(self, lab, namespace):
        super().__init__(lab, namespace, "runc")
        self.settings = {"identity.runc": self.path("state")}
        self.containers = []

    def start(self, name, netns, cgroup, command, annotations=None):
        bundle = self.path(name)
        os.makedirs(bundle)
        self.run("runc", "spec", "-b", bundle)
        with open(f"{bundle}/config.json", encoding="utf-8") as file:
            spec = json.load(file)
        spec["process"].update(terminal=False, args=[BUSYBOX, *command], cwd="/")
        spec["process"].pop("rlimits", None)
        spec["root"] = {"path": self.rootfs(), "readonly": True}
        spec["annotations"] = annotations or {}
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["destination"] == "/proc"]
        spec["linux"]["cgroupsPath"] = cgroup
        for space in spec["linux"]["namespaces"]:
            if space["type"] == "network":
                space["path"] = netns.path
        with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(spec, file)
        with open(f"{bundle}/log", "wb") as log:
            done = subprocess.run(["runc", "--root", self.path("state"), "run", "-d", "-b", bundle,
                                   name], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  timeout=60, check=False)
        assert done.returncode == 0, open(f"{bundle}/log", encoding="utf-8").read()
        self.containers.append(name)

    def runs(self, name):
        """False when its process has ended."""
        return json.loads(self.run("runc", "--root", self.path("state"), "state",
                                   name))["status"] == "running"

    def stop(self, name):
        self.containers.remove(name)
        self.run("runc", "--root", self.path("state"), "delete", "-f", name)
        shutil.rmtree(self.path(name))

    def close(self):
        for name in list(self.containers):
            self.stop(name)


class Podman(Engine):
    def __init__(self, lab, namespace):
        super().__init__(lab, namespace, "podman")
        self.settings = {"identity.storage": self.path("store")}
        self.environment = dict(os.environ, CONTAINERS_CONF=self.write("containers.conf", (
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
            f'[network]\nnetwork_config_dir = "{self.path("networks")}"\n')))
        self.before = self.groups_of_all()
        self.service = None
        archive = self.path("image.tar")
        subprocess.run(["tar", "-C", self.rootfs(), "-cf", archive, "."], check=True)
        self.podman("import", archive, IMAGE)

    def podman(self, *arguments, check=True):
        return self.run("podman", "--root", self.path("store"), "--runroot", self.path("run"),
                        *arguments, check=check, env=self.environment)

    def serve(self):
        """Its API, on a socket."""
        self.settings["identity.podman_socket"] = self.path("sock")
        self.service = self.lab.start(
            self.namespace, "podman", "--root", self.path("store"), "--runroot", self.path("run"),
            "system", "service", "--time", "0", f"unix://{self.path('sock')}",
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("podman's socket", lambda: os.path.exists(self.path("sock")), 20)

    @staticmethod
    def groups_of_all():
        return {os.path.basename(path) for root in HIERARCHIES
                for path in glob.glob(f"{root}/libpod_parent/*") if os.path.isdir(path)}

    def start(self, name, *options, command=(BUSYBOX, *SERVE)):
        return self.podman("run", "-d", "--name", name, *options, IMAGE, *command)

    def address(self, name):
        found = json.loads(self.podman("inspect", name))[0]["NetworkSettings"]
        networks = found.get("Networks") or {"": found}
        return next(iter(networks.values()))["IPAddress"]

    def close(self):
        if self.service:
            self.service.terminate()
            self.service.wait(20)
        self.podman("rm", "-f", "-a", "-t", "0", check=False)
        self.podman("pod", "rm", "-f", "-a", "-t", "0", check=False)
        for name in self.groups_of_all() - self.before:
            remove_cgroups(f"libpod_parent/{name}")
        subprocess.run(["umount", "-q", self.path("store", "overlay")], check=False)


class Containerd(Engine):
    """containerd with ctr; `archive` is an image as a tar file."""

    def __init__(self, lab, namespace):
        super().__init__(lab, namespace, "containerd")
        self.settings = {"identity.containerd": self.path("state")}
        config = self.write("config.toml", (
            f'version = 2\nroot = "{self.path("root")}"\nstate = "{self.path("state")}"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\n  address = "{self.path("sock")}"\n'))
        with open(self.path("log"), "wb") as log:
            self.process = lab.start(namespace, "containerd", "-c", config, stdout=log, stderr=log)
        wait_until("containerd answers", lambda: self.ctr("version", check=False), 20)
        self.containers = []

    def ctr(self, *arguments, check=True, space="k8s.io"):
        return self.run("ctr", "-a", self.path("sock"), "-n", space, *arguments, check=check)

    def start(self, name, port, cgroup, space, netns):
        options = [f"--cgroup={cgroup}"] if cgroup else []
        self.containers.append((space, name))
        self.ctr("run", "-d", *options, f"--with-ns=network:{netns.path}", "--rootfs",
                 self.rootfs(), name, BUSYBOX, "httpd", "-f", "-p", str(port), "-h", "/bin",
                 space=space)

    def close(self):
        for space, name in self.containers:
            self.ctr("task", "kill", "-s", "KILL", name, check=False, space=space)
        for space, name in self.containers:
            wait_until("task ends", lambda: "RUNNING" not in [
                line.split()[-1] for line in self.ctr("task", "ls", check=False,
                                                      space=space).splitlines()
                if line.startswith(name)], 10)
            self.ctr("task", "rm", "-f", name, check=False, space=space)
            self.ctr("container", "rm", name, check=False, space=space)
        self.process.terminate()
        self.process.wait(20)


class Docker(Engine):
    """`bridge`: its address, where containers get a network of their own."""

    def __init__(self, lab, namespace, bridge=None):
        super().__init__(lab, namespace, "docker")
        self.settings = {"identity.docker": self.path("data")}
        config = self.write("daemon.json", json.dumps({"default-ulimits": {
            "nofile": {"Name": "nofile", "Hard": 1024, "Soft": 1024}}}))
        with open(self.path("log"), "wb") as log:
            self.process = lab.start(
                namespace, "dockerd", "--config-file", config, "-H", f"unix://{self.path('sock')}",
                "--data-root", self.path("data"), "--exec-root", self.path("exec"),
                "--pidfile", self.path("pid"), "--iptables=false",
                f"--bip={bridge}" if bridge else "--bridge=none",
                "--storage-driver", "vfs", stdout=log, stderr=log)
        wait_until("dockerd answers", self._answers, 30)
        archive = self.path("image.tar")
        subprocess.run(["tar", "-C", self.rootfs(), "-cf", archive, "."], check=True)
        self.docker("import", archive, IMAGE)

    def _answers(self):
        assert self.process.poll() is None, open(self.path("log"), encoding="utf-8").read()[-2000:]
        return self.docker("version", "-f", "{{.Server.Version}}", check=False)

    def docker(self, *arguments, check=True):
        return self.run("docker", "-H", f"unix://{self.path('sock')}", *arguments, check=check)

    def start(self, name, *options, command=(BUSYBOX, *SERVE)):
        return self.docker("run", "-d", "--name", name, *options, IMAGE, *command)

    def close(self):
        names = self.docker("ps", "-aq", check=False).split()
        if names:
            self.docker("rm", "-f", *names, check=False)
        self.process.terminate()
        self.process.wait(30)
        for mount in glob.glob(self.path("exec", "netns", "*")):
            subprocess.run(["umount", "-q", mount], check=False)
