"""
Posts over kept-alive connections, with pauses below the grace period of a stop, until
its standard input ends. Prints a line for each 25 responses, and for each lost request:
"late" when a busy machine has made its pause longer than the grace period.

Arguments: tcp PORT, unix PATH, tls PORT CERTIFICATE or proxy PORT: with one client only,
since a connection of a proxy's pool may pause longer than any of several clients.
"""

import http.client
import itertools
import random
import socket
import ssl
import sys
import threading
import time

kind, where, *certificate = sys.argv[1:]
CLIENTS = 1 if kind == "proxy" else 8
# In seconds. The pauses are below the grace period also on a busy machine.
PAUSE, GRACE = 0.15 * CLIENTS / 8, 0.25
responses = itertools.count(1)
is_over = threading.Event()


def report(line):
    # In one piece: other threads print too.
    print(f"{line}\n", end="", flush=True)


def connect():
    if kind == "tls":
        context = ssl.create_default_context(cafile=certificate[0])
        conn = http.client.HTTPSConnection("127.0.0.1", where, context=context)
    else:
        conn = http.client.HTTPConnection("127.0.0.1", 80 if kind == "unix" else where)
    if kind == "unix":
        conn.sock = socket.socket(socket.AF_UNIX)
        conn.sock.connect(where)
    else:
        conn.connect()
    return conn


def client():
    conn = None
    while not is_over.is_set():
        sent = None
        try:
            if conn is None:
                # The last time at which the server may have begun to wait for a request.
                since = time.monotonic()
                conn = connect()
            conn.request("POST", "/", "request")
            sent = time.monotonic()
            response = conn.getresponse()
            response.read()
            if response.status >= 500:
                raise OSError(f"the status is {response.status}")
            is_kept = not response.will_close
            if (count := next(responses)) % 25 == 0:
                report(f"responses: {count}")
        except (OSError, http.client.HTTPException) as error:
            is_kept = False
            # A proxy may send later than its client.
            pause = (kind != "proxy" and sent or time.monotonic()) - since
            report(f"{'lost' if pause < GRACE else 'late'}: {error!r}, after {pause} s")
        since = sent
        if conn and not is_kept:
            conn.close()
            conn = None
        # The tested condition: requests come at any moment of a restart.
        time.sleep(random.uniform(0, PAUSE))


threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
sys.stdin.read()
is_over.set()
for thread in threads:
    thread.join()
