// The completions in their shells, of the programs in bin/.

import { assertEquals } from "@std/assert";
import { IPC_CLIENT, IPC_SERVER, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { type ShellKind, ShellSession } from "./shell_session.ts";

const FOLDER = `${REPOSITORY}cli/completions`;
const PATH = `${REPOSITORY}bin:${Deno.env.get("PATH")}`;

/** Completes a line and returns it. */
type Complete = (line: string) => Promise<string>;

const INTERACTIVE: Record<"bash" | "zsh", ShellKind> = {
  bash: {
    command: "bash --norc --noprofile -i",
    setUp: (file) => [
      "stty rows 50 columns 200",
      `PATH=${PATH}`,
      `source ${FOLDER}/bash/ipc-client`,
      `bind -x '"\\C-o": printf "%s\\n" "$READLINE_LINE" >${file}'`,
    ],
  },
  zsh: {
    command: "zsh --no-rcs -i",
    setUp: (file) => [
      "stty rows 50 columns 200",
      "bindkey -e",
      // An ambiguous word stays as it is.
      "unsetopt auto_menu auto_list",
      `PATH=${PATH}`,
      `fpath=(${FOLDER}/zsh $fpath); autoload -Uz compinit; compinit -D -u`,
      `keep() { print -r -- "$BUFFER" >${file} }; zle -N keep; bindkey '^O' keep`,
    ],
  },
};

/** As the tab key does: the only candidate replaces the last word. */
async function completedByFish(line: string): Promise<string> {
  using home = new TempDir();
  await Deno.mkdir(home.join("fish"));
  await Deno.symlink(FOLDER, home.join("fish/vendor_conf.d"));
  const { code, stdout, stderr } = await run("fish", [
    ...["--interactive", "--command", "complete --do-complete $argv", "--"],
    line,
  ], {
    env: { HOME: home.path, XDG_DATA_DIRS: home.path, PATH, TERM: "dumb" },
  });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const [only, ...others] = stdout.trimEnd().split("\n");
  if (!only || others.length > 0) return line;
  return line.slice(0, line.lastIndexOf(" ") + 1) + only.split("\t")[0];
}

/** Lets a test complete lines in a shell. */
async function withShell(
  shell: "bash" | "zsh" | "fish",
  test: (complete: Complete) => Promise<void>,
): Promise<void> {
  if (shell === "fish") return await test(completedByFish);
  await using session = await ShellSession.start(INTERACTIVE[shell]);
  // Ignores the space that a shell appends to a completed word.
  await test(async (line) =>
    (await session.completed(line)).replace(/(?<!\\)[ =]$/, "")
  );
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  Deno.test({
    name: `${shell} completes options, also of a program with its path`,
    async fn() {
      await withShell(shell, async (complete) => {
        for (
          const line of [
            "ipc-server --quiet",
            "ipc-client --connections",
            "ipc-client --version",
            "ipc-client -unix",
            `${IPC_SERVER} --connection-timeout`,
            `${IPC_CLIENT} --json`,
          ]
        ) {
          assertEquals(await complete(line.slice(0, -1)), line);
        }
      });
    },
  });

  Deno.test({
    name: `${shell} completes sockets for the client, and no other files`,
    async fn() {
      using directory = new TempDir();
      const [socket, file, folder] = ["a.socket", "b.text", "c.folder"]
        .map((name) => directory.join(name)) as [string, string, string];
      using _listener = Deno.listen({ transport: "unix", path: socket });
      await Deno.writeTextFile(file, "");
      await Deno.mkdir(folder);
      await withShell(shell, async (complete) => {
        for (const start of ["", "-unix ", "--count 3 ", "--retry -- "]) {
          const command = `ipc-client ${start}`;
          const completed = await complete(`${command}${socket.slice(0, -3)}`);
          assertEquals(completed, `${command}${socket}`);
        }
        const of = (path: string) =>
          complete(`ipc-client ${path.slice(0, -3)}`);
        assertEquals(await of(file), `ipc-client ${file.slice(0, -3)}`);
        assertEquals(await of(folder), `ipc-client ${folder}/`);
      });
    },
  });

  Deno.test({
    name: `${shell} completes no files for values, nor for the server`,
    async fn() {
      using directory = new TempDir();
      const path = directory.join("socket");
      using _listener = Deno.listen({ transport: "unix", path });
      const start = path.slice(0, -3);
      await withShell(shell, async (complete) => {
        for (
          const line of [
            `ipc-server ${start}`,
            `ipc-server --name ${start}`,
            `ipc-server --name=${start}`,
            `ipc-client --count ${start}`,
            `ipc-client --interval=${start}`,
          ]
        ) {
          assertEquals(await complete(line), line);
        }
      });
    },
  });
}

const BASH_COMPLETION = "/usr/share/bash-completion/bash_completion";
Deno.test({
  name: "bash-completion loads the installed file at its first use",
  async fn() {
    using directory = new TempDir();
    const folder = directory.join("bash-completion/completions");
    await Deno.mkdir(folder, { recursive: true });
    for (const name of ["ipc-server", "ipc-client"]) {
      const text = await Deno.readTextFile(`${FOLDER}/bash/${name}`);
      await Deno.writeTextFile(
        `${folder}/${name}`,
        // As "make install" does for the directory of the programs.
        text.replaceAll("/usr/libexec/ipc", `${REPOSITORY}bin`),
      );
    }
    await using session = await ShellSession.start({
      command: INTERACTIVE.bash.command,
      setUp: (file) => [
        `export XDG_DATA_DIRS=${directory.path}`,
        ...INTERACTIVE.bash.setUp(file)
          .filter((line) => !line.startsWith("source ")),
        `source ${BASH_COMPLETION}`,
      ],
    });
    for (
      const line of [
        `${IPC_SERVER} --quiet`,
        "ipc-client --count",
      ]
    ) {
      const completed = await session.completed(line.slice(0, -1));
      assertEquals(completed.trimEnd(), line);
    }
  },
});
