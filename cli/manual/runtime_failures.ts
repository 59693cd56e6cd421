/** A fault that Deno's runtime reports itself, before a program's own code runs. */
export interface RuntimeFailure {
  /** What its message contains. */
  message: string;
  /** Why, and what to do: a sentence or two. */
  explanation: string;
}

/** What both programs share of the section DIAGNOSTICS of their manuals. */
export const RUNTIME_FAILURES: readonly RuntimeFailure[] = [
  {
    message: "called `Result::unwrap()` on an `Err` value",
    explanation:
      "An argument is not UTF-8. Give an address that is; a symbolic link can have such a name.",
  },
  {
    message: "Fatal process out of memory",
    explanation:
      "The address space is limited (RLIMIT_AS, ulimit -v, LimitAS=), of which V8 reserves many gigabytes. Limit the memory with MemoryMax= instead.",
  },
  {
    message: "Too many open files",
    explanation:
      "Fewer than 16 file descriptors are allowed (RLIMIT_NOFILE, ulimit -n, LimitNOFILE=). Allow more.",
  },
  {
    message: "Could not convert path to URL",
    explanation:
      "TMPDIR is empty or a relative path. Unset it, or give an absolute path, which need not exist.",
  },
  {
    message: "Could not find standalone binary section",
    explanation:
      "The executable was stripped, which removes the program from it. Install it anew.",
  },
];
