"""Runs a program with descriptors that Python opened: lend_descriptors.py KINDS PROGRAM ARGUMENT...

KINDS is a JSON object of names and kinds. Number and port of each are told in the environment as DESCRIPTORS, in JSON.
"udp4" and "udp6" are bound to loopback and block; "connected to NAME" is a udp4 that is connected to an earlier one.
"""

import json
import os
import socket
import sys
import tempfile


def udp(family):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return made


def open_one(kind, others):
    if kind.startswith("connected to "):
        made = udp(socket.AF_INET)
        made.connect(others[kind[len("connected to "):]].getsockname())
        return made
    if kind == "pipe":
        reader, writer = os.pipe()
        os.set_inheritable(reader, True)
        return writer
    return {
        "udp4": lambda: udp(socket.AF_INET),
        "udp6": lambda: udp(socket.AF_INET6),
        "tcp": lambda: socket.create_server(("127.0.0.1", 0)),
        "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "file": lambda: tempfile.TemporaryFile(buffering=0),
    }[kind]()


opened = {}
told = {}
for name, kind in json.loads(sys.argv[1]).items():
    opened[name] = open_one(kind, opened)
    number = opened[name] if isinstance(opened[name], int) else opened[name].fileno()
    os.set_inheritable(number, True)
    told[name] = {"fd": number}
    if kind not in ("pipe", "file", "unix"):
        told[name]["port"] = opened[name].getsockname()[1]
os.environ["DESCRIPTORS"] = json.dumps(told)
os.execvp(sys.argv[2], sys.argv[2:])
