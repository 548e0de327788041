"""Makes a UDP socket that is nobody else's, lends its descriptor to a program, and looks at it before and after.

    lend_descriptor.py ADDRESS PROGRAM ARGUMENT...      runs PROGRAM ARGUMENT... DESCRIPTOR PORT

Does not read from the socket itself. What the program prints passes; the last line is JSON: the program's exit code,
the socket's options before and after, and what the socket has received that the program left.
"""

import json
import os
import socket
import subprocess
import sys

OPTIONS = {
    "SO_SNDBUF": (socket.SOL_SOCKET, socket.SO_SNDBUF),
    "SO_RCVBUF": (socket.SOL_SOCKET, socket.SO_RCVBUF),
    "SO_BROADCAST": (socket.SOL_SOCKET, socket.SO_BROADCAST),
    "SO_REUSEADDR": (socket.SOL_SOCKET, socket.SO_REUSEADDR),
    "SO_TIMESTAMPNS": (socket.SOL_SOCKET, 35),
    "IP_TTL": (socket.IPPROTO_IP, socket.IP_TTL),
    "IP_TOS": (socket.IPPROTO_IP, socket.IP_TOS),
    "IP_PKTINFO": (socket.IPPROTO_IP, 8),
    "IP_RECVTOS": (socket.IPPROTO_IP, 13),
    "IP_RECVTTL": (socket.IPPROTO_IP, 12),
    "IP_RECVERR": (socket.IPPROTO_IP, 11),
    "IP_MTU_DISCOVER": (socket.IPPROTO_IP, 10),
    "UDP_SEGMENT": (socket.IPPROTO_UDP, 103),
    "UDP_GRO": (socket.IPPROTO_UDP, 104),
}


def state(lent):
    options = {name: lent.getsockopt(level, option) for name, (level, option) in OPTIONS.items()}
    return {**options, "blocking": os.get_blocking(lent.fileno())}


lent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
lent.bind((sys.argv[1], 0))
descriptor = lent.fileno()
before = state(lent)
command = sys.argv[2:] + [str(descriptor), str(lent.getsockname()[1])]
child = subprocess.run(command, pass_fds=[descriptor])
after = state(lent)
left = 0
try:
    while True:
        lent.recv(65536, socket.MSG_DONTWAIT)
        left += 1
except BlockingIOError:
    pass
print(json.dumps({"code": child.returncode, "before": before, "after": after, "left": left}), flush=True)
