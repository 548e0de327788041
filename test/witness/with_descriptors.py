"""Runs a program with UDP sockets that are nobody else's: with_descriptors.py COUNT PROGRAM ARGUMENT...

They are bound to 127.0.0.1, and their numbers told in the environment as SENDMSG_DESCRIPTORS. Their ports are held on
other addresses, too: what a script sends to a port of its own must not arrive here.
"""

import os
import socket
import sys


def hold(family, address, port):
    holder = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    holder.bind((address, port))
    os.set_inheritable(holder.fileno(), True)
    return holder


made = []
holders = []
while len(made) < int(sys.argv[1]):
    one = hold(socket.AF_INET, "127.0.0.1", 0)
    port = one.getsockname()[1]
    try:
        holders.append(hold(socket.AF_INET, "127.0.0.2", port))
        if socket.has_dualstack_ipv6():
            holders.append(hold(socket.AF_INET6, "::", port))
    except OSError:
        # Another program has that port.
        one.close()
        continue
    made.append(one)
os.environ["SENDMSG_DESCRIPTORS"] = " ".join(str(one.fileno()) for one in made)
os.execvp(sys.argv[2], sys.argv[2:])
