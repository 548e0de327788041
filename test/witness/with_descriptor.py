"""Runs a program with a datagram socket of its own making: with_descriptor.py KIND PROGRAM ARGUMENT...

"blocking" leaves O_NONBLOCK off; "error" leaves an error in its error queue, which nobody reads (IP_RECVERR); "connected"
is connected to a port where nobody is; "plain" does nothing. The socket's number is told in the environment as DESCRIPTOR.
"""

import os
import socket
import sys

IP_RECVERR = 11

kind = sys.argv[1]
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.bind(("127.0.0.1", 0))
made.setblocking(kind == "blocking")
if kind == "connected":
    made.connect(("127.0.0.1", 9))
if kind == "error":
    made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    made.sendto(b"is nobody there?", ("127.0.0.1", 9))
os.set_inheritable(made.fileno(), True)
os.environ["DESCRIPTOR"] = str(made.fileno())
os.execvp(sys.argv[2], sys.argv[2:])
