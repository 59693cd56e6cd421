/** A temporary directory, removed with its contents when it is disposed of. */
export class TempDir implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "ipc-test-" });

  /** Returns the path of a file in it. */
  join(name: string): string {
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    // A program that is ending may write another file while the others are removed.
    for (let tries = 5;; tries--) {
      try {
        return Deno.removeSync(this.path, { recursive: true });
      } catch (error) {
        if (tries === 0 || !`${error}`.includes("not empty")) throw error;
      }
    }
  }
}
