# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Debian kernel, an initramfs made for one purpose, and QEMU without hardware help to run it.

The guest's first program writes to four serial ports: the kernel's console, the output of the
command, one line with its exit code, and an archive of what the command has left in /kept.
"""
import glob
import os
import re
import shutil
import subprocess

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8
mkdir -p /proc /sys /dev /tmp /run
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
mkdir -p /dev/shm /run/netns /run/lock
mount -t bpf b /sys/fs/bpf; mount -t tracefs t /sys/kernel/tracing
mount -t cgroup2 c /sys/fs/cgroup
/bin/busybox ip link set lo up; hostname guest
for port in 1 2 3; do stty -F /dev/ttyS$port raw -onlcr; done
while read -r module rest; do insmod $module $rest || echo "insmod $module failed"; done \\
	</etc/modules >/dev/ttyS1 2>&1
cd /tmp
/bin/sh /etc/command </dev/null >/dev/ttyS1 2>&1
[ -d /kept ] && tar -c -C /kept . >/dev/ttyS3
echo "exit $?" >/dev/ttyS2
sync
poweroff -f
"""


class Unavailable(Exception):
    """Something outside the project is missing; the text says what."""


def _output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return done.stdout if done.returncode == 0 else ""


def _package_of(version):
    """The newest cloud kernel of a series that Debian offers."""
    name = {"6.1": "linux-image-cloud-amd64"}.get(version, f"linux-image-{version}-cloud-amd64")
    depends = _output("apt-cache", "depends", name)
    found = re.search(rf"Depends: (linux-image-{re.escape(version)}\.\S+)", depends)
    if not found:
        raise Unavailable(f"apt knows no package for kernel {version} (apt-get update?)")
    return found.group(1)


class Kernel:
    def __init__(self, version, cache):
        self.package = self._cached(version, cache) or self._download(version, cache)
        self.root = os.path.join(cache, self.package)
        self.release = os.listdir(os.path.join(self.root, "lib/modules"))[0]
        self.image = os.path.join(self.root, "boot", f"vmlinuz-{self.release}")

    @staticmethod
    def _cached(version, cache):
        found = glob.glob(os.path.join(cache, f"linux-image-{version}.*", "complete"))
        return os.path.basename(os.path.dirname(sorted(found)[-1])) if found else None

    @staticmethod
    def _download(version, cache):
        package = _package_of(version)
        root = os.path.join(cache, package)
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        done = subprocess.run(["apt-get", "-q", "download", package], cwd=root, text=True,
                              capture_output=True, check=False)
        archives = glob.glob(os.path.join(root, "*.deb"))
        if done.returncode or not archives:
            raise Unavailable(f"cannot download {package}: {done.stderr.strip().splitlines()[-1:]}")
        subprocess.run(["dpkg-deb", "-x", archives[0], root], check=True)
        os.unlink(archives[0])
        release = os.listdir(os.path.join(root, "lib/modules"))[0]
        subprocess.run(["depmod", "-b", root, release], check=True)
        with open(os.path.join(root, "complete"), "w", encoding="ascii"):
            pass
        return package

    def module_files(self, name):
        """(file, parameters) of a module and what it needs, in the order to load them."""
        shown = subprocess.run(["modprobe", "-d", self.root, "-S", self.release, "--show-depends",
                                name], capture_output=True, text=True, check=False)
        if shown.returncode:
            raise Unavailable(f"{self.package} has no module {name}: {shown.stderr.strip()}")
        for line in shown.stdout.splitlines():
            words = line.split()
            if words[0] == "insmod":
                yield words[1], words[2:]


class Initramfs:
    """A tree that becomes the guest's root; paths are the same inside as outside."""

    def __init__(self, root):
        self.root = root
        self.modules = []
        for directory in ("bin", "etc", "modules"):
            os.makedirs(os.path.join(root, directory))
        self._place("/bin/busybox", "bin/busybox")
        self.program("/bin/dash", "/bin/sh")
        self.write("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        self.write("etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.write("init", INIT, 0o755)

    def _place(self, source, inside):
        target = os.path.join(self.root, inside.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            shutil.copy(source, target)
        return target

    def write(self, inside, text, mode=0o644):
        target = os.path.join(self.root, inside)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(target, mode)

    def file(self, path):
        self._place(path, path)

    def program(self, path, inside=None):
        """A program or shared object with the libraries it names."""
        self._place(path, inside or path)
        for library in re.findall(r"(/\S+) \(0x", _output("ldd", path)):
            self._place(library, library)

    def command(self, name):
        found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not found:
            raise Unavailable(f"{name} is not installed; deploy/packages.sh lists what tests need")
        self.program(found, "/usr/bin/" + os.path.basename(found))

    def directory(self, path, skip=()):
        for directory, names, files in os.walk(path):
            names[:] = [name for name in names if name not in skip]
            for name in files:
                self.file(os.path.join(directory, name))

    def module(self, kernel, name):
        for path, parameters in kernel.module_files(name):
            inside = "/modules/" + os.path.basename(path).removesuffix(".xz")
            if any(line.startswith(inside + " ") for line in self.modules):
                continue
            self.modules.append(inside + " " + " ".join(parameters))
            target = os.path.join(self.root, inside.lstrip("/"))
            if path.endswith(".xz"):
                with open(target, "wb") as file:
                    subprocess.run(["xz", "-dc", path], stdout=file, check=True)
            else:
                shutil.copy(path, target)

    def pack(self, archive):
        self.write("etc/modules", "".join(line + "\n" for line in self.modules))
        with open(archive, "wb") as file:
            names = subprocess.run(["find", ".", "-print0"], cwd=self.root, check=True,
                                   capture_output=True).stdout
            subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet"], cwd=self.root,
                           input=names, stdout=file, check=True)


def boot(kernel, archive, directory, seconds, memory_mb=1024):
    """Runs until the guest is off; returns (exit code or None, output, console), and leaves what was
    kept as the archive `kept` in the directory."""
    ports = [os.path.join(directory, name) for name in ("console", "output", "exit", "kept")]
    serial = [word for number, path in enumerate(ports) for word in (
        "-chardev", f"file,id=c{number},path={path}", "-serial", f"chardev:c{number}")]
    subprocess.run(
        ["timeout", "--kill-after=5", str(seconds), "qemu-system-x86_64", "-accel",
         "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(memory_mb), "-nodefaults",
         "-no-user-config", "-no-reboot", "-display", "none", "-kernel", kernel.image,
         "-initrd", archive, "-append", "console=ttyS0 panic=-1 loglevel=4 mitigations=off "
         "nokaslr random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1", *serial],
        stdin=subprocess.DEVNULL, check=False)
    console, output, code = [_read(path) for path in ports[:3]]
    found = re.search(r"exit (\d+)", code)
    return int(found.group(1)) if found else None, output, console


def _read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
