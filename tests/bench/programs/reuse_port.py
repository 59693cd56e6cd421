"""reuse_port.py PORT COMMAND...: starts the command as an instance of a template unit,
with ReusePort=yes, would be: with a socket of its own on the shared port."""

import os
import socket
import sys

listener = socket.socket()
for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
    listener.setsockopt(socket.SOL_SOCKET, option, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(4096)
os.dup2(listener.fileno(), 3)
# The copy is inheritable, but 3 is no copy of itself.
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
