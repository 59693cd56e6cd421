"""Many peers that connect at the same moment, each waiting in the kernel for its
turn, which Deno's own connect does not. Prints how many are connected, and keeps
them until its standard input ends.

Arguments: the socket's path, how many.
"""

import socket
import sys
import threading

path, count = sys.argv[1], int(sys.argv[2])
threading.stack_size(64 * 1024)
start = threading.Event()
peers = []


def connect():
    peer = socket.socket(socket.AF_UNIX)
    start.wait()
    peer.connect(path)
    peers.append(peer)


threads = [threading.Thread(target=connect, daemon=True) for _ in range(count)]
for thread in threads:
    thread.start()
start.set()
for thread in threads:
    thread.join(20)
print(len(peers), flush=True)
sys.stdin.read()
