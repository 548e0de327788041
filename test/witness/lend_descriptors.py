"""Runs a program with descriptors that Python opened: lend_descriptors.py KINDS PROGRAM ARGUMENT...

KINDS is a JSON object of names and kinds. Number and port of each are told in the environment as DESCRIPTORS, in JSON.
"udp4" and "udp6" are bound to loopback and block; "connected to NAME" is a udp4 that is connected to an earlier one.
"non-blocking" is a udp4 that does not block, and so are "refused", connected to a port where nobody is, and "error", which
has an error in its error queue that nobody reads (IP_RECVERR). An object is a UDP socket on all addresses: "family" is 4 or 6, "options" an array of [level, option, integer],
"number" the descriptor's number.
"""

import json
import os
import socket
import sys
import tempfile

IP_RECVERR = 11
NOBODY = ("127.0.0.1", 9)


def udp(family):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return made


def non_blocking():
    made = udp(socket.AF_INET)
    made.setblocking(False)
    return made


def refused():
    made = non_blocking()
    made.connect(NOBODY)
    return made


def error():
    made = non_blocking()
    made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    made.sendto(b"is nobody there?", NOBODY)
    return made


def described(family, options, number):
    made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    for option in options:
        made.setsockopt(*option)
    made.bind(("0.0.0.0" if family == 4 else "::", 0))
    return socket.socket(fileno=os.dup2(made.fileno(), number))


def open_one(kind, others):
    if isinstance(kind, dict):
        return described(**kind)
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
        "non-blocking": non_blocking,
        "refused": refused,
        "error": error,
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
