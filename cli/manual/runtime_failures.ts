/** An error that Deno's runtime reports before the code of a program runs. */
export interface RuntimeFailure {
  /** A part of its message. */
  message: string;
  /** The cause and the next step. */
  explanation: string;
}

/** The common entries of the section DIAGNOSTICS in both manuals. */
export const RUNTIME_FAILURES: readonly RuntimeFailure[] = [
  {
    message: "called `Result::unwrap()` on an `Err` value",
    explanation:
      "An argument is not UTF-8. Use an address in UTF-8, such as a symbolic link.",
  },
  {
    message: "Fatal process out of memory",
    explanation:
      "The address space is limited (RLIMIT_AS, ulimit -v, LimitAS=); V8 reserves many gigabytes of it. Limit memory with MemoryMax= instead.",
  },
  {
    message: "Too many open files",
    explanation:
      "The limit of file descriptors is below 16 (RLIMIT_NOFILE, ulimit -n, LimitNOFILE=). Raise it.",
  },
  {
    message: "Could not convert path to URL",
    explanation:
      "TMPDIR is empty or a relative path. Unset it or set an absolute path, which need not exist.",
  },
  {
    message: "Could not find standalone binary section",
    explanation:
      "The executable was stripped, which removes the program from it. Install it again.",
  },
];
