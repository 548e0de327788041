"""A peer outside of the library: tells of each datagram that comes, and sends what it is told to.

    datagrams.py ADDRESS      binds there, on a port of the kernel's choice, and prints {"port": ...}

Prints one line of JSON for each datagram: who sent it, the data, and the TOS octet or traffic class that the kernel
gives beside it. A line {"address", "port", "data"} on stdin is sent; the end of stdin ends it.
"""

import json
import os
import socket
import struct
import sys
import threading

address = sys.argv[1]
six = ":" in address
peer = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
if six:
    peer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
else:
    peer.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
peer.bind((address, 0))


def tell(what):
    print(json.dumps(what), flush=True)


def send():
    for line in sys.stdin:
        order = json.loads(line)
        peer.sendto(order["data"].encode(), (order["address"], order["port"]))
    os._exit(0)


tell({"port": peer.getsockname()[1]})
threading.Thread(target=send, daemon=True).start()
while True:
    data, control, _, source = peer.recvmsg(65536, 512)
    octet = None
    for level, kind, payload in control:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
            octet = payload[0]
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            octet = struct.unpack("i", payload)[0]
    tell({"address": source[0], "port": source[1], "data": data.decode(), "trafficClass": octet})
