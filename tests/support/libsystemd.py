"""Asks libsystemd itself.

Reads environments, one JSON object a line, in which the value "$PID" stands for
this process; prints what libsystemd makes of each, one JSON object a line:
{"listen": [name, ...] or -errno, "watchdog": microseconds, 0 or -errno}.
"""

import ctypes
import json
import os
import sys

FIRST_FD = 3
OPEN_FDS = 16

libsystemd = ctypes.CDLL("libsystemd.so.0")
libc = ctypes.CDLL(None)


def listen_fds_with_names():
    names = ctypes.POINTER(ctypes.c_char_p)()
    count = libsystemd.sd_listen_fds_with_names(0, ctypes.byref(names))
    if count < 0:
        return count
    return [names[i].decode("utf-8", "surrogateescape") for i in range(count)]


def watchdog_enabled():
    usec = ctypes.c_uint64()
    result = libsystemd.sd_watchdog_enabled(0, ctypes.byref(usec))
    return usec.value if result > 0 else result


# libsystemd marks every descriptor that it returns, so there have to be some.
null = os.open(os.devnull, os.O_RDONLY)
for fd in range(FIRST_FD, FIRST_FD + OPEN_FDS):
    os.dup2(null, fd)

for line in sys.stdin:
    environment = json.loads(line)
    libc.clearenv()
    for name, value in environment.items():
        value = value.replace("$PID", str(os.getpid()))
        libc.setenv(name.encode(), value.encode("utf-8"), 1)
    print(json.dumps({"listen": listen_fds_with_names(), "watchdog": watchdog_enabled()}))
