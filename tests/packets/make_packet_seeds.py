#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes seeds of fuzz_packet, the same bytes each time: make_packet_seeds.py DIRECTORY.

One file for each frame of the captures that lead the parser off the short way.
"""
import os
import sys

import make_captures

MAKERS = ("fragments6", "links", "malformed", "notes", "protocols", "quotes", "tunnels")


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in MAKERS:
        frames = getattr(make_captures, f"make_{name}")()
        for number, (_, frame) in enumerate(frames):
            with open(os.path.join(sys.argv[1], f"{name}_{number:02}"), "wb") as file:
                file.write(frame)


if __name__ == "__main__":
    main()
