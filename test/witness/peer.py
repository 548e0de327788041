"""The other end: sendmsg(2) and recvmsg(2) with control messages, by Python's socket module alone.

Reads one JSON command a line, writes one JSON answer a line. `open`, `close`, `send`, `receive`, `connect`, `join`,
`run`, `options`.
Addresses are what inet_pton(3) takes, data is base64. What it reports comes from its own control messages.
"""

import base64
import ctypes
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

# The numbers that Python's socket module does not name everywhere; from the systems' own headers.
NUMBERS = {
    "linux": {
        "IP_TOS": 1, "IP_TTL": 2, "IP_PKTINFO": 8, "IP_RECVTTL": 12, "IP_RECVTOS": 13, "IP_RECVPKTINFO": 8,
        "IPV6_RECVPKTINFO": 49, "IPV6_PKTINFO": 50, "IPV6_RECVHOPLIMIT": 51, "IPV6_HOPLIMIT": 52,
        "IPV6_RECVTCLASS": 66, "IPV6_TCLASS": 67, "UDP_SEGMENT": 103, "SO_RCVBUFFORCE": 33,
        "SO_MARK": 36, "SO_RCVMARK": 75,
    },
    "darwin": {
        "IP_TOS": 3, "IP_TTL": 4, "IP_PKTINFO": 26, "IP_RECVTTL": 24, "IP_RECVTOS": 27, "IP_RECVPKTINFO": 26,
        "IPV6_RECVPKTINFO": 61, "IPV6_PKTINFO": 46, "IPV6_RECVHOPLIMIT": 37, "IPV6_HOPLIMIT": 47,
        "IPV6_RECVTCLASS": 35, "IPV6_TCLASS": 36,
    },
}[sys.platform]

IPV4 = socket.IPPROTO_IP
IPV6 = socket.IPPROTO_IPV6
sockets = {}


def integer(payload):
    return int.from_bytes(payload, sys.byteorder)


def set_buffer(opened, size):
    if "SO_RCVBUFFORCE" in NUMBERS:
        try:
            opened.setsockopt(socket.SOL_SOCKET, NUMBERS["SO_RCVBUFFORCE"], size)
            return
        except PermissionError:
            pass
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def op_open(command):
    family = socket.AF_INET if command["family"] == 4 else socket.AF_INET6
    if command.get("packets"):  # what passes an interface, with its headers
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        opened.bind((command["packets"], 0))
        sockets[opened.fileno()] = opened
        return {"socket": opened.fileno()}
    if "protocol" in command:
        opened = socket.socket(family, socket.SOCK_RAW, command["protocol"])
    else:
        opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET:
            opened.setsockopt(IPV4, NUMBERS["IP_RECVPKTINFO"], 1)
            opened.setsockopt(IPV4, NUMBERS["IP_RECVTOS"], 1)
            opened.setsockopt(IPV4, NUMBERS["IP_RECVTTL"], 1)
        else:
            if "protocol" not in command:
                opened.setsockopt(IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(IPV6, NUMBERS["IPV6_RECVPKTINFO"], 1)
            opened.setsockopt(IPV6, NUMBERS["IPV6_RECVTCLASS"], 1)
            opened.setsockopt(IPV6, NUMBERS["IPV6_RECVHOPLIMIT"], 1)
        if command.get("mark"):
            opened.setsockopt(socket.SOL_SOCKET, NUMBERS["SO_RCVMARK"], 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        set_buffer(opened, command.get("buffer", 1 << 22))
        wildcard = "0.0.0.0" if family == socket.AF_INET else "::"
        opened.bind((command.get("address", wildcard), command.get("port", 0)))
    except OSError:
        opened.close()
        raise
    sockets[opened.fileno()] = opened
    return {"socket": opened.fileno(), "port": opened.getsockname()[1]}


def op_close(command):
    sockets.pop(command["socket"]).close()
    return {}


def op_connect(command):
    sockets[command["socket"]].connect((command["address"], command["port"]))
    return {}


def op_join(command):
    """Joins a group through an interface, by name."""
    opened = sockets[command["socket"]]
    group = socket.inet_pton(opened.family, command["group"])
    index = socket.if_nametoindex(command["interface"])
    if opened.family == socket.AF_INET:
        opened.setsockopt(IPV4, socket.IP_ADD_MEMBERSHIP, struct.pack("@4s4si", group, bytes(4), index))
    else:
        opened.setsockopt(IPV6, socket.IPV6_JOIN_GROUP, struct.pack("@16sI", group, index))
    return {}


def target(opened, address, port):
    if opened.family == socket.AF_INET:
        return (address, port)
    # getaddrinfo(3) reads the scope.
    return socket.getaddrinfo(address, port, socket.AF_INET6, socket.SOCK_DGRAM)[0][4]


def control_of(opened, message):
    control = []
    four = opened.family == socket.AF_INET
    if "source" in message or "interface" in message:
        index = message.get("interface", 0)
        index = socket.if_nametoindex(index) if isinstance(index, str) else index
        source = socket.inet_pton(opened.family, message.get("source", "0.0.0.0" if four else "::"))
        if four:
            control.append((IPV4, NUMBERS["IP_PKTINFO"], struct.pack("@i4s4s", index, source, bytes(4))))
        else:
            control.append((IPV6, NUMBERS["IPV6_PKTINFO"], struct.pack("@16sI", source, index)))
    if "trafficClass" in message:
        level, kind = (IPV4, NUMBERS["IP_TOS"]) if four else (IPV6, NUMBERS["IPV6_TCLASS"])
        control.append((level, kind, struct.pack("@i", message["trafficClass"])))
    if "hopLimit" in message:
        level, kind = (IPV4, NUMBERS["IP_TTL"]) if four else (IPV6, NUMBERS["IPV6_HOPLIMIT"])
        control.append((level, kind, struct.pack("@i", message["hopLimit"])))
    if "segmentSize" in message:
        control.append((socket.IPPROTO_UDP, NUMBERS["UDP_SEGMENT"], struct.pack("@H", message["segmentSize"])))
    return control


def op_send(command):
    opened = sockets[command["socket"]]
    sent = []
    for message in command["messages"]:
        data = base64.b64decode(message["data"])
        name = (target(opened, message["address"], message["port"]),) if "address" in message else ()
        sent.append(opened.sendmsg([data], control_of(opened, message), 0, *name))
    return {"sent": sent}


def describe(opened, data, control, flags, name):
    message = {
        "data": base64.b64encode(data).decode(),
        "address": name[0].split("%")[0],
        "port": name[1],
        "scope": name[3] if len(name) == 4 else 0,
        "truncated": bool(flags & socket.MSG_TRUNC),
    }
    for level, kind, payload in control:
        if level == IPV4 and kind == NUMBERS["IP_PKTINFO"]:
            index, _, destination = struct.unpack("@i4s4s", payload)
            message["interface"] = index
            message["destination"] = socket.inet_ntop(socket.AF_INET, destination)
        elif level == IPV6 and kind == NUMBERS["IPV6_PKTINFO"]:
            destination, index = struct.unpack("@16sI", payload)
            message["interface"] = index
            message["destination"] = socket.inet_ntop(socket.AF_INET6, destination)
        elif (level, kind) in ((IPV4, NUMBERS["IP_TOS"]), (IPV4, NUMBERS["IP_RECVTOS"]), (IPV6, NUMBERS["IPV6_TCLASS"])):
            message["trafficClass"] = integer(payload)
        elif (level, kind) in ((IPV4, NUMBERS["IP_TTL"]), (IPV4, NUMBERS["IP_RECVTTL"]), (IPV6, NUMBERS["IPV6_HOPLIMIT"])):
            message["hopLimit"] = integer(payload)
        elif level == socket.SOL_SOCKET and kind == NUMBERS.get("SO_MARK"):
            message["mark"] = integer(payload)
    return message


def op_receive(command):
    """Waits for `count` messages, and takes what else is there: more than was expected is told, too."""
    opened = sockets[command["socket"]]
    opened.setblocking(False)
    until = time.monotonic() + command.get("timeout", 10)
    messages = []
    while True:
        try:
            data, control, flags, name = opened.recvmsg(65536, 512)
        except BlockingIOError:
            left = until - time.monotonic()
            if len(messages) >= command["count"] or left <= 0:
                break
            select.select([opened], [], [], left)
            continue
        if opened.family in (socket.AF_INET, socket.AF_INET6):
            messages.append(describe(opened, data, control, flags, name))
        else:
            messages.append({"data": base64.b64encode(data).decode()})
    opened.setblocking(True)
    return {"messages": messages}


# Of Linux: socket(7), ip(7), udp(7).
OPTIONS = {
    "SO_REUSEADDR": (socket.SOL_SOCKET, 2), "SO_SNDBUF": (socket.SOL_SOCKET, 7), "SO_RCVBUF": (socket.SOL_SOCKET, 8),
    "SO_TIMESTAMPNS": (socket.SOL_SOCKET, 35), "SO_TXTIME": (socket.SOL_SOCKET, 61),
    "IP_TOS": (IPV4, 1), "IP_PKTINFO": (IPV4, 8), "IP_MTU_DISCOVER": (IPV4, 10), "IP_RECVERR": (IPV4, 11),
    "IP_RECVTTL": (IPV4, 12), "IP_RECVTOS": (IPV4, 13), "UDP_GRO": (socket.IPPROTO_UDP, 104),
}
PIDFD_GETFD = 438


def op_options(command):
    """Options and flags of another process's socket, by a duplicate of its descriptor (pidfd_getfd(2))."""
    process = os.pidfd_open(command["pid"])
    try:
        number = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, command["descriptor"], 0)
        if number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(process)
    with socket.socket(fileno=number) as seen:
        options = {name: seen.getsockopt(*option) for name, option in OPTIONS.items()}
        return {"options": {**options, "flags": fcntl.fcntl(seen, fcntl.F_GETFL)}}


def op_run(command):
    """A command in the namespace of this process."""
    done = subprocess.run(command["argv"], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(done.returncode, done.stderr.strip())
    return {"output": done.stdout}


def op_numbers(_command):
    return {"numbers": {**NUMBERS, "IPPROTO_IP": IPV4, "IPPROTO_IPV6": IPV6, "IPPROTO_UDP": socket.IPPROTO_UDP},
            "interfaces": {name: index for index, name in socket.if_nameindex()}}


OPERATIONS = {name[3:]: function for name, function in list(globals().items()) if name.startswith("op_")}

for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = OPERATIONS[command["op"]](command)
    except OSError as error:
        answer = {"error": str(error), "errno": error.errno}
    print(json.dumps(answer), flush=True)
