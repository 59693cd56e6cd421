"""Passes descriptors of many kinds to a command, as systemd does.

pass_fds.py KIND=NAME,... COMMAND...

The working directory gets the files that some kinds need.
"""

import os
import pty
import socket
import struct
import sys


def reset_connection():
    """Returns a TCP connection that the peer has reset."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        connection, _ = server.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    return connection


def connection():
    """Returns a unix connection that has received a byte, and keeps its peer open."""
    ours, peer = socket.socketpair()
    peer.send(b"x")
    os.set_inheritable(os.dup2(peer.detach(), 100), True)
    return ours


def udp():
    """Returns a UDP socket that has received a datagram."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.sendto(b"x", server.getsockname())
    return server


def terminal():
    main, ours = pty.openpty()
    os.dup2(main, 101)
    return ours


def unix(kind=socket.SOCK_STREAM):
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(f"{len(passed)}.socket")
    server.listen()
    return server


def fifo():
    os.mkfifo("fifo")
    return os.open("fifo", os.O_RDWR)


KINDS = {
    "unix": unix,
    "tcp": lambda: socket.create_server(("127.0.0.1", 0)),
    "udp": udp,
    "unix-datagram": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "seqpacket": lambda: unix(socket.SOCK_SEQPACKET),
    "seqpacket-connection": lambda: socket.socketpair(type=socket.SOCK_SEQPACKET)[0],
    "connection": connection,
    "reset": reset_connection,
    "file": lambda: os.open(__file__, os.O_RDONLY),
    "device": lambda: os.open("/dev/null", os.O_RDONLY),
    "directory": lambda: os.open("/", os.O_RDONLY),
    "terminal": terminal,
    "fifo": fifo,
    "closed": lambda: None,
}

passed = []
names = []
for each in sys.argv[1].split(","):
    kind, name = each.split("=")
    made = KINDS[kind]()
    fd = made.detach() if isinstance(made, socket.socket) else made
    # Out of the way of the numbers to pass.
    passed.append(fd and os.dup2(fd, 200 + len(passed)))
    names.append(name)
for i, fd in enumerate(passed):
    os.close(3 + i) if fd is None else os.dup2(fd, 3 + i)
os.closerange(3 + len(passed), 100)
os.closerange(102, 300)
os.environ.update(
    LISTEN_PID=str(os.getpid()),
    LISTEN_FDS=str(len(passed)),
    LISTEN_FDNAMES=":".join(names),
)
os.execv(sys.argv[2], sys.argv[2:])
