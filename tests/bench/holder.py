"""holder.py held|own SOCKET OUTPUT COMMAND...: starts a server, and takes the time.

held: connects to a listening socket, sends a message, and only then starts the program
with the socket, as the service manager does. Prints its pid, and the milliseconds from the
connect to the first echoed byte. Stops the program when standard input ends.
own: the same with a program that makes the socket, from its start on.

OUTPUT gets what the program prints. The holder is the first client as well, so that no
other process has to be woken between the connect and the start.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import time

mode, path, output, *command = sys.argv[1:]

# For the connections that are held.
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
if os.path.exists(path):
    os.unlink(path)
if mode == "held":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(4096)


def become():
    if mode == "held":
        os.dup2(listener.fileno(), 3)
        # The copy is inheritable, but 3 is no copy of itself.
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="ipc-server.socket")


def dial():
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(9)
    while client.connect_ex(path) != 0:
        if time.monotonic() > since + 9:
            sys.exit(f"{command[0]} does not listen")
        time.sleep(0.0002)
    client.sendall(b"m" * 64)
    return client


since = time.monotonic()
if mode == "held":
    client = dial()
with open(output, "w") as out:
    program = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=out, close_fds=False, preexec_fn=become
    )
try:
    if mode == "own":
        client = dial()
    if client.recv(1) != b"m":
        sys.exit(f"{command[0]} closed its first connection")
    print(json.dumps({"ms": (time.monotonic() - since) * 1e3, "pid": program.pid}), flush=True)
    client.close()
    sys.stdin.read()
    program.terminate()
    program.wait(3)
finally:
    program.kill()
