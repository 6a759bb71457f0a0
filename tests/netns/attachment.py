# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which devices of a namespace carry BPF programs, and how many: asked of the kernel itself, since
the bpftool of Debian 12 does not know tcx."""
import ctypes
import errno
import json
import os
import platform
import struct

from lab import LIBC

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
BPF_PROG_QUERY = 16
TCX_INGRESS, TCX_EGRESS = 46, 47
QUERY = struct.Struct("=IIIIQII32x")


def _tcx(ifindex, hook):
    """Programs of a tcx hook; 0 where the kernel has no tcx (before 6.6)."""
    attribute = ctypes.create_string_buffer(QUERY.pack(ifindex, hook, 0, 0, 0, 0, 0), QUERY.size)
    if LIBC.syscall(SYS_BPF, BPF_PROG_QUERY, attribute, QUERY.size):
        if ctypes.get_errno() in (errno.EINVAL, errno.ENOENT):
            return 0
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return QUERY.unpack(attribute.raw)[5]


def has_tcx():
    """Whether this kernel knows tcx, whose programs end with the process that attached them."""
    release = platform.release().split(".")
    return (int(release[0]), int(release[1])) >= (6, 6)


def _clsact(namespace, name):
    """Filters of the kind bpf below clsact, both ways."""
    return sum(namespace.run("tc", "filter", "show", "dev", name, hook,
                             check=False).stdout.count(" handle 0x")
               for hook in ("ingress", "egress"))


def programs(namespace):
    """{device: number of programs}, without the devices that have none."""
    found = {}
    with namespace:
        for link in json.loads(namespace.ip("-j", "link", "show")):
            name = link["ifname"]
            count = (_tcx(link["ifindex"], TCX_INGRESS) + _tcx(link["ifindex"], TCX_EGRESS)
                     + _clsact(namespace, name) + ("xdp" in link))
            if count:
                found[name] = count
    return found
