// The completions that make built, in the shells that they are for.

import { assertEquals } from "@std/assert";
import {
  type Option,
  type Options,
  writtenOption,
} from "../../cli/program_usage.ts";
import { CLIENT_USAGE } from "../../client/usage.ts";
import { SERVER_USAGE } from "../../server/usage.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { type ShellKind, ShellSession } from "./shell_session.ts";

const FOLDER = `${REPOSITORY}build/completions`;
const PROGRAMS = [SERVER_USAGE, CLIENT_USAGE];

/** Completes a line and returns it. */
type Complete = (line: string) => Promise<string>;

const INTERACTIVE: Record<"bash" | "zsh", ShellKind> = {
  bash: {
    command: "bash --norc --noprofile -i",
    setUp: (file) => [
      "stty rows 50 columns 200",
      ...PROGRAMS.map(({ name }) => `source ${FOLDER}/bash/${name}`),
      `bind -x '"\\C-o": printf "%s\\n" "$READLINE_LINE" >${file}'`,
    ],
  },
  zsh: {
    command: "zsh --no-rcs -i",
    setUp: (file) => [
      "stty rows 50 columns 200",
      "bindkey -e",
      // What is ambiguous stays as it is, and is not chosen by more keys.
      "unsetopt auto_menu auto_list",
      `fpath=(${FOLDER}/zsh $fpath); autoload -Uz compinit; compinit -D -u`,
      `keep() { print -r -- "$BUFFER" >${file} }; zle -N keep; bindkey '^O' keep`,
    ],
  },
};

/** Returns the candidates of an installed fish for a line, with their descriptions. */
async function candidatesOfFish(
  line: string,
): Promise<[candidate: string, about: string][]> {
  using home = new TempDir();
  for (
    const [installed, built] of [
      ["vendor_completions.d", `${FOLDER}/fish`],
      ["vendor_conf.d", `${REPOSITORY}cli/completions`],
    ] as const
  ) {
    await Deno.mkdir(home.join("fish"), { recursive: true });
    await Deno.symlink(built, home.join(`fish/${installed}`));
  }
  const { code, stdout, stderr } = await run("fish", [
    ...["--interactive", "--command", "complete --do-complete $argv", "--"],
    line,
  ], { env: { HOME: home.path, XDG_DATA_DIRS: home.path, TERM: "dumb" } });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout.split("\n").filter((it) => it !== "").map((it) => {
    const [candidate = "", about = ""] = it.split("\t");
    return [candidate, about];
  });
}

/** As the tab key does: the only candidate replaces the last word. */
async function completedByFish(line: string): Promise<string> {
  const [only, ...others] = await candidatesOfFish(line);
  if (only === undefined || others.length > 0) return line;
  return line.slice(0, line.lastIndexOf(" ") + 1) + only[0];
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

/** The options as they can be written. */
function forms(options: Options): string[] {
  return Object.entries(options).flatMap(([name, option]) => [
    ...new Set([writtenOption(name, option), `--${name}`]),
  ]);
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  for (const folder of ["", "/usr/libexec/ipc/"]) {
    Deno.test({
      name: `${shell} completes every option${
        folder && " of a program that is given with its path"
      }`,
      async fn() {
        await withShell(shell, async (complete) => {
          for (const { name, options } of PROGRAMS) {
            for (const form of forms(options)) {
              const line = `${folder}${name} ${form}`;
              assertEquals(await complete(line.slice(0, -1)), line);
            }
          }
        });
      },
    });
  }

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
  name: "bash-completion loads what is installed when it is needed first",
  async fn() {
    using directory = new TempDir();
    await Deno.mkdir(directory.join("bash-completion"));
    await Deno.symlink(
      `${FOLDER}/bash`,
      directory.join("bash-completion/completions"),
    );
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
        "/usr/libexec/ipc/ipc-server --quiet",
        "ipc-client --count",
      ]
    ) {
      const completed = await session.completed(line.slice(0, -1));
      assertEquals(completed.trimEnd(), line);
    }
  },
});

Deno.test({
  name: "fish tells what each option is for",
  async fn() {
    for (const { name, options } of PROGRAMS) {
      const told = Object.fromEntries(await candidatesOfFish(`${name} --`));
      const helps = Object.entries<Option>(options)
        .map(([option, { help }]) => [`--${option}`, help]);
      assertEquals(told, Object.fromEntries(helps));
    }
  },
});
