"""Runs a program with a datagram socket of its own making: with_descriptor.py OPTIONS PROGRAM ARGUMENT...

OPTIONS, joined by commas: "blocking" leaves O_NONBLOCK off, "recverr" sets IP_RECVERR, "plain" does nothing. The
socket's number is told in the environment as DESCRIPTOR.
"""

import os
import socket
import sys

IP_RECVERR = 11

options = sys.argv[1].split(",")
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.bind(("127.0.0.1", 0))
made.setblocking("blocking" in options)
if "recverr" in options:
    made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
os.set_inheritable(made.fileno(), True)
os.environ["DESCRIPTOR"] = str(made.fileno())
os.execvp(sys.argv[2], sys.argv[2:])
