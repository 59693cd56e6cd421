/** A result of `ipc-server --check`. */
export interface Finding {
  /** `wrong`: the server would not start; `note`: the operator must decide. */
  verdict: "ok" | "note" | "wrong";
  /** The finding, and the next step if it is wrong. */
  text: string;
}

export function ok(text: string): Finding {
  return { verdict: "ok", text };
}

export function note(text: string): Finding {
  return { verdict: "note", text };
}

export function wrong(text: string): Finding {
  return { verdict: "wrong", text };
}
