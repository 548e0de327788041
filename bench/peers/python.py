# Python's socket.sendmsg and recvmsg: do=send (source and ECN), receive, echo (from the destination); the rest as in
# ../reference.
import resource
import socket
import struct
import sys

given = dict(argument.split("=", 1) for argument in sys.argv[1:])


def number(name, otherwise):
    return int(float(given.get(name, otherwise)))


PKTINFO = struct.Struct("=i4s4s")
IP_PKTINFO = 8
IP_RECVTOS = 13
COUNT = number("count", 1)
WARM = number("warm", 0)


def cpu_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def bound(address):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    return made


def send():
    made = bound("0.0.0.0")
    data = bytearray(b"\x01" * number("payload", 1200))
    to = ("127.0.0.1", number("port", 0))
    source = PKTINFO.pack(0, socket.inet_aton("127.0.0.2"), bytes(4))
    control = [(socket.IPPROTO_IP, IP_PKTINFO, source), (socket.IPPROTO_IP, socket.IP_TOS, struct.pack("=i", 1))]
    start = cpu_time()
    for _ in range(COUNT):
        made.sendmsg([data], control, socket.MSG_DONTWAIT, to)
    print(COUNT, cpu_time() - start)


def serve(address, answers):
    made = bound(address)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    made.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    print("port", made.getsockname()[1], flush=True)
    for seen in range(WARM + COUNT):
        if seen == WARM:
            start = cpu_time()
        data, control, _, sender = made.recvmsg(2048, 128)
        if not answers:
            continue
        for level, kind, payload in control:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                source = PKTINFO.pack(0, PKTINFO.unpack(payload)[2], bytes(4))
                made.sendmsg([data], [(level, kind, source)], socket.MSG_DONTWAIT, sender)
    print(COUNT, cpu_time() - start)


if given["do"] == "send":
    send()
else:
    serve("0.0.0.0" if given["do"] == "echo" else "127.0.0.1", given["do"] == "echo")
