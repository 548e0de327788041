"""Receives datagrams until one says "end", and tells of each: its number, its length, whether it is whole.

Prints its port, then one line of JSON. A datagram starts with its number (32 bits, big-endian); all bytes after it are
the number's last byte, or else it is listed as spoilt.
"""

import json
import socket
import struct

SO_RCVBUFFORCE = 33
ROOM = 256 << 20

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
except OSError:
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
receiver.bind(("127.0.0.1", 0))
receiver.settimeout(60)
print(receiver.getsockname()[1], flush=True)

numbers, lengths, spoilt = [], [], []
while True:
    data = receiver.recv(65536)
    if data == b"end":
        break
    number = struct.unpack_from(">I", data)[0] if len(data) >= 4 else -1
    numbers.append(number)
    lengths.append(len(data))
    if data[4:] != bytes([number & 0xFF]) * len(data[4:]):
        spoilt.append(number)
print(json.dumps({"numbers": numbers, "lengths": lengths, "spoilt": spoilt}))
