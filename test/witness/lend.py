"""Runs a command with a socket that Python made and bound, as descriptor 5.

lend.py FAMILY OPTIONS COMMAND...   where OPTIONS is a JSON array of [level, option, integer].
"""

import json
import os
import socket
import sys

lent = socket.socket(socket.AF_INET if sys.argv[1] == "4" else socket.AF_INET6, socket.SOCK_DGRAM)
for level, option, value in json.loads(sys.argv[2]):
    lent.setsockopt(level, option, value)
lent.bind(("0.0.0.0" if sys.argv[1] == "4" else "::", 0))
os.dup2(lent.fileno(), 5, inheritable=True)
os.execvp(sys.argv[3], sys.argv[3:])
