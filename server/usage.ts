import { EXIT } from "../cli/exit_status.ts";
import { COMMON_OPTIONS } from "../cli/option.ts";
import type { ProgramUsage } from "../cli/program_usage.ts";

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
        "tell what systemd handed over and what is wrong with it, and exit; accepts nothing",
    },
    "quiet": { help: "print no line for what is received" },
    "connection-numbers": {
      help:
        "print a line for each accepted connection, and its number in each line for what is received",
    },
    "drain-timeout": {
      value: "TIME",
      default: "5s",
      help: "how long stopping may take",
    },
    "idle-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help:
        "exit when there was no connection for so long; the next one starts the server again",
    },
    "connection-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help: "close a connection that sent nothing for so long",
    },
    "max-connections": {
      value: "N",
      default: "4096",
      help: "serve so many connections at a time",
    },
    "max-waiting": {
      value: "N",
      default: "1024",
      help: "hold so many more until others leave, and close what exceeds that",
    },
    "backlog": {
      value: "N",
      default: "1024",
      help:
        "let so many wait in the kernel: what Backlog= of the socket unit says",
    },
    ...COMMON_OPTIONS,
  },
  notes:
    `TIME is 200ms, 1.5s or plain seconds. LimitNOFILE= of the service has to be at
least --max-connections + --max-waiting + --backlog (128 if that is less) + 64:
a server that runs out of descriptors keeps newcomers waiting, and cannot tell
systemd that it is alive.

Start it with "systemctl start ipc-server.socket", or for a try with
  systemd-socket-activate --listen=/tmp/job.socket \\
    --fdname=ipc-server.socket ipc-server`,
  exits: {
    [EXIT.ok]: "stopped as asked, or nothing wrong with --check",
    [EXIT.failure]: "failed while running",
    [EXIT.usage]: "wrong usage",
    [EXIT.config]: "not given the socket that it needs",
    [EXIT.unread]: "nobody reads what --help or --check prints any more",
  },
} as const satisfies ProgramUsage;
