/** A directory that is gone, with all that is in it, when it is disposed of. */
export class TempDir implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "ipc-test-" });

  /** The path of something in it. */
  join(name: string): string {
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
