import { EXIT } from "../cli/exit_status.ts";
import { COMMON_OPTIONS, type ProgramUsage } from "../cli/program_usage.ts";

/** How `ipc-client` is used. */
export const CLIENT_USAGE = {
  name: "ipc-client",
  synopsis: "[options] [-unix] ADDRESS",
  about:
    `Client of an echo server: sends the numbers from 1, one on each line, then
"close", and prints the replies.

ADDRESS is a socket path, @abstract, host:port or [v6]:port; or a URL, unix:PATH
or tcp://host:port.`,
  options: {
    "unix": {
      oneDash: true,
      help: "use ADDRESS as a unix socket, also with a colon in it",
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
      help: "wait for a reply for at most TIME",
    },
    "connect-timeout": {
      value: "TIME",
      default: "5s",
      help: "connect within TIME",
    },
    "retry": {
      help: "while nothing listens on ADDRESS, retry within --connect-timeout",
    },
    "interactive": {
      help:
        "send standard input line by line and print the replies; the default at a terminal without --count",
    },
    "bench": {
      help:
        "measure the server under load: check its echo, print messages per second and latencies",
    },
    "duration": {
      value: "TIME",
      default: "5s",
      help: "with --bench: measure for TIME",
    },
    "size": {
      value: "N",
      default: "64",
      help: "with --bench: send messages of N bytes",
    },
    "connections": {
      value: "N",
      default: "1",
      help: "with --bench: use N connections at a time",
    },
    "pipeline": {
      value: "N",
      default: "1",
      help: "with --bench: keep N messages in flight on each connection",
    },
    "json": {
      help: "with --bench: print one line of JSON",
    },
    ...COMMON_OPTIONS,
  },
  notes: "TIME is 200ms, 1.5s or plain seconds.",
  exits: {
    [EXIT.ok]: "success",
    [EXIT.failure]:
      "could not connect, lost the connection, or a reply was missing or wrong",
    [EXIT.usage]: "wrong usage",
    [EXIT.interrupted]: "interrupted by Ctrl-C",
    [EXIT.outputClosed]: "output closed early (SIGPIPE)",
  },
} as const satisfies ProgramUsage;
