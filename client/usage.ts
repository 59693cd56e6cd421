import { EXIT } from "../cli/exit_status.ts";
import { COMMON_OPTIONS } from "../cli/option.ts";
import type { ProgramUsage } from "../cli/program_usage.ts";

/** How `ipc-client` is used. */
export const CLIENT_USAGE = {
  name: "ipc-client",
  synopsis: "[options] [-unix] ADDRESS",
  operand: "ADDRESS",
  about:
    `Talks to an echo server: sends the numbers from 1, one line each, then "close",
and prints what comes back.

ADDRESS is a socket path, @abstract, host:port or [v6]:port; or a URL, unix:PATH
or tcp://host:port.`,
  options: {
    "unix": {
      oneDash: true,
      help: "ADDRESS is a unix socket, even with a colon in it",
    },
    "count": {
      value: "N",
      default: "10",
      help: "send the numbers from 1 to N",
    },
    "interval": {
      value: "TIME",
      default: "2s",
      help: "pause between two numbers",
    },
    "timeout": {
      value: "TIME",
      default: "10s",
      help: "how long a reply may take",
    },
    "connect-timeout": {
      value: "TIME",
      default: "5s",
      help: "how long connecting may take",
    },
    "retry": {
      help:
        "while nothing listens there, keep trying for as long as connecting may take",
    },
    "interactive": {
      help:
        "send what is typed, line by line, and print what comes back; the default at a terminal, without --count",
    },
    "bench": {
      help:
        "measure the server: load it, check what it echoes, and print messages per second and latencies",
    },
    "duration": {
      value: "TIME",
      default: "5s",
      help: "with --bench: how long to measure",
    },
    "size": {
      value: "N",
      default: "64",
      help: "with --bench: bytes in a message",
    },
    "connections": {
      value: "N",
      default: "1",
      help: "with --bench: connections at a time",
    },
    "pipeline": {
      value: "N",
      default: "1",
      help: "with --bench: messages on their way at a time, on each connection",
    },
    "json": {
      help: "with --bench: print one line of JSON for machines",
    },
    ...COMMON_OPTIONS,
  },
  notes: "TIME is 200ms, 1.5s or plain seconds.",
  exits: {
    [EXIT.ok]: "done",
    [EXIT.failure]:
      "no connection, no or a wrong reply, or the connection lost",
    [EXIT.usage]: "wrong usage",
    [EXIT.interrupted]: "interrupted by Ctrl-C",
    [EXIT.unread]: "nobody reads its output any more",
  },
} as const satisfies ProgramUsage;
