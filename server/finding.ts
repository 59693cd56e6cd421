/** One thing that `ipc-server --check` looked at, and what came of it. */
export interface Finding {
  /** `wrong` keeps the server from starting; `note` is for the operator to judge. */
  verdict: "ok" | "note" | "wrong";
  /** What was found, and what to do if it is wrong. */
  text: string;
}

/** Something is as it should be. */
export function ok(text: string): Finding {
  return { verdict: "ok", text };
}

/** Something is worth knowing. */
export function note(text: string): Finding {
  return { verdict: "note", text };
}

/** Something keeps the server from starting. */
export function wrong(text: string): Finding {
  return { verdict: "wrong", text };
}
