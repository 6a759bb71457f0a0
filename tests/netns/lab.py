# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A little network of namespaces without names: they, and all that was made in them, go when the
process that holds them goes, however it ends. Programs started here die with it too."""
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest.mock

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


def wait_until(what, condition, seconds=15.0):
    """The first true value of condition(); fails loudly when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s, last seen {value!r}")
        time.sleep(0.01)


def _checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """`with namespace:` makes sockets and starts programs inside (this thread only)."""

    def __init__(self):
        self._outside = []
        with open("/proc/self/ns/net", "rb") as outside:
            _checked(LIBC.unshare(CLONE_NEWNET))
            self.fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            _checked(LIBC.setns(outside.fileno(), CLONE_NEWNET))
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        self._outside.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        _checked(LIBC.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        outside = self._outside.pop()
        _checked(LIBC.setns(outside, CLONE_NEWNET))
        os.close(outside)

    def run(self, *command, check=True, **options):
        with self:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                  check=False, **options)
        if check and done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def ip(self, *arguments):
        return self.run("ip", *arguments).stdout

    def set_sysctl(self, name, value):
        """/proc/sys/net is that of the namespace of the thread that opens the file."""
        with self, open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    @staticmethod
    def _write_sysfs(directory, name, text):
        """In the namespace of this process, which ends."""
        try:
            _checked(LIBC.unshare(CLONE_NEWNS))
            _checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
            _checked(LIBC.mount(b"sysfs", directory.encode(), b"sysfs", 0, None))
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                file.write(text)
            os._exit(0)
        except OSError as error:
            os.write(2, f"{name}: {error}\n".encode())
        finally:
            os._exit(1)

    def keep_order(self, device):
        """What enters by the device comes in the order in which it was sent, whichever CPU sent it: all through the
        queue of the first (RPS). Its switch is in the sysfs of the namespace, which only a process of its own sees."""
        directory = tempfile.mkdtemp(prefix="flowd-sysfs-")
        with self:
            child = os.fork()
            if not child:
                self._write_sysfs(directory, f"class/net/{device}/queues/rx-0/rps_cpus", "1")
        status = os.waitpid(child, 0)[1]
        os.rmdir(directory)
        assert status == 0, f"{device}: no RPS"

    def drop(self, rule, hook="input", priority=0):
        """Packets that match `rule` are dropped by nftables."""
        self.run("nft", "-f", "-", input=(
            "table inet lab {\n chain c {\n"
            f"  type filter hook {hook} priority {priority};\n  {rule} drop\n }}\n}}\n"))

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def unperturbed():
    """For tests of memory: what is started within `with` touches only what it uses."""
    return unittest.mock.patch.dict(os.environ, MALLOC_PERTURB_="0")


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Lab:
    """Namespaces, programs and a directory for files, all gone after close()."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="flowd-netns-")
        self.namespaces = []
        self.processes = []

    def namespace(self):
        self.namespaces.append(Namespace())
        return self.namespaces[-1]

    def inodes(self):
        """Of its namespaces, for events.namespaces: other tests run in others at this time."""
        return ",".join(str(os.fstat(namespace.fd).st_ino) for namespace in self.namespaces)

    def start(self, namespace, *command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        with namespace:
            # pylint: disable-next=subprocess-popen-preexec-fn,consider-using-with
            process = subprocess.Popen([str(part) for part in command],
                                       preexec_fn=_die_with_parent, **options)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        for namespace in self.namespaces:
            namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Cluster(Lab):
    """A node with a bridge and a pod at each of its ports, as deploy/quickstart.sh makes it.

    node: bridge `pods` 10.99.0.1 fd99::1, ports `web` and `client`;
    pods: eth0 10.99.0.2 fd99::2 and 10.99.0.3 fd99::3.
    """
    WEB4, WEB6, CLIENT4, CLIENT6 = "10.99.0.2", "fd99::2", "10.99.0.3", "fd99::3"
    NODE4, NODE6 = "10.99.0.1", "fd99::1"

    def __init__(self):
        super().__init__()
        self.node = self.namespace()
        self.node.ip("link", "add", "pods", "type", "bridge", "mcast_snooping", "0")
        self.node.ip("link", "set", "pods", "up")
        self.address(self.node, "pods", 1)
        self.web = self.pod("web", 2)
        self.client = self.pod("client", 3)

    @staticmethod
    def address(namespace, interface, number):
        """No duplicate address detection: of use at once."""
        namespace.ip("addr", "add", f"10.99.0.{number}/24", "dev", interface)
        namespace.ip("addr", "add", f"fd99::{number}/64", "dev", interface, "nodad")

    def pod(self, port, number):
        pod = self.namespace()
        self.node.ip("link", "add", port, "type", "veth", "peer", "name", "eth0",
                     "netns", pod.path)
        self.node.ip("link", "set", port, "master", "pods", "up")
        pod.ip("link", "set", "eth0", "addrgenmode", "none", "up")
        self.address(pod, "eth0", number)
        return pod


class Routed(Lab):
    """A node that routes between a client and a server, each at a port of its own.

    client 10.98.1.2 fd98:1::2 - node `client` .1, `server` .1 - server 10.98.2.2 fd98:2::2.
    """
    CLIENT4, CLIENT6, SERVER4, SERVER6 = "10.98.1.2", "fd98:1::2", "10.98.2.2", "fd98:2::2"

    def __init__(self):
        super().__init__()
        self.node = self.namespace()
        self.node.set_sysctl("net/ipv4/ip_forward", 1)
        self.node.set_sysctl("net/ipv6/conf/all/forwarding", 1)
        self.client = self.host("client", 1)
        self.server = self.host("server", 2)

    def host(self, port, number):
        host = self.namespace()
        self.node.ip("link", "add", port, "type", "veth", "peer", "name", "eth0",
                     "netns", host.path)
        self.node.ip("link", "set", port, "addrgenmode", "none", "up")
        host.ip("link", "set", "eth0", "addrgenmode", "none", "up")
        for namespace, device, last in ((self.node, port, 1), (host, "eth0", 2)):
            namespace.ip("addr", "add", f"10.98.{number}.{last}/24", "dev", device)
            namespace.ip("addr", "add", f"fd98:{number}::{last}/64", "dev", device, "nodad")
        host.ip("route", "add", "default", "via", f"10.98.{number}.1")
        host.ip("route", "add", "default", "via", f"fd98:{number}::1")
        return host
