import { EXIT } from "../cli/exit_status.ts";
import { COMMON_OPTIONS, type ProgramUsage } from "../cli/program_usage.ts";

/** How `ipc-server` is used. */
export const SERVER_USAGE = {
  name: "ipc-server",
  synopsis: "[options]",
  about:
    `An echo server that systemd starts on the first connection. It serves the
socket that systemd passes as file descriptor 3 and sends back every byte; when
a connection has received "close", it is closed.`,
  options: {
    "name": {
      value: "NAME",
      default: "ipc-server.socket",
      help: "serve the socket of this name",
    },
    "check": {
      help:
        "check the socket and settings from systemd, print the result, and exit",
    },
    "quiet": { help: "log no received chunks" },
    "drain-timeout": {
      value: "TIME",
      default: "5s",
      help: "on stop, close connections that are still open after TIME",
    },
    "idle-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help:
        "exit after TIME without connections; the next connection starts the server again",
    },
    "connection-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help: "close connections that are silent for TIME",
    },
    "max-connections": {
      value: "N",
      default: "4096",
      help: "serve at most N connections at a time",
    },
    "max-waiting": {
      value: "N",
      default: "1024",
      help: "keep up to N more connections waiting; close the rest",
    },
    "backlog": {
      value: "N",
      default: "1024",
      help:
        "set the kernel's queue to N connections, as Backlog= of the socket unit",
    },
    ...COMMON_OPTIONS,
  },
  notes:
    `TIME is 200ms, 1.5s or plain seconds. The limits on connections require a
LimitNOFILE= of the service, which --check judges.

Start it with "systemctl start ipc-server.socket", or by hand with
  systemd-socket-activate --listen=/tmp/job.socket \\
    --fdname=ipc-server.socket ipc-server`,
  exits: {
    [EXIT.ok]:
      "stopped by a signal or --idle-timeout, or --check found no error",
    [EXIT.failure]: "run-time failure",
    [EXIT.usage]: "wrong usage",
    [EXIT.config]: "the expected socket was not passed",
    [EXIT.outputClosed]: "output closed early (SIGPIPE)",
  },
} as const satisfies ProgramUsage;
