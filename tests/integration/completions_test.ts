// The completions in their shells, of the programs in bin/.

import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { IPC_CLIENT, IPC_SERVER, REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Screen } from "./screen.ts";

const FOLDER = `${REPOSITORY}cli/completions`;

type Shell = "bash" | "zsh" | "fish";

/** The commands that start a shell without a user's settings, and set it up. */
const SHELLS: Record<Shell, [start: string, setUp: string]> = {
  bash: [
    "bash --norc --noprofile -i",
    `PS1='$ '; source ${FOLDER}/bash/ipc-client`,
  ],
  zsh: [
    "zsh --no-rcs -i",
    `PS1='$ '; bindkey -e; unsetopt auto_menu auto_list
     fpath=(${FOLDER}/zsh $fpath); autoload -Uz compinit; compinit -D -u`,
  ],
  fish: [
    "fish --no-config --private -i",
    `set fish_autosuggestion_enabled 0
     function fish_prompt; echo -n '$ '; end; source ${FOLDER}/ipc.fish`,
  ],
};

/** Completes lines in a shell, by the tab key. */
async function assertCompletes(
  shell: Shell,
  lines: [typed: string, completed: string][],
  [start, setUp] = SHELLS[shell],
): Promise<void> {
  using home = new TempDir();
  await using screen = await Screen.open(
    `export HOME=${home.path} PATH=${REPOSITORY}bin:$PATH; exec ${start}`,
    { columns: 200, rows: 50 },
  );
  const look = (what: string, good: (line: string) => boolean) =>
    eventually(what, async () => (await screen.lines()).at(-1)!, good);
  await look(`${shell} prompts`, (line) => /[$%>#]$/.test(line));
  for (const line of setUp.split("\n")) await screen.press(line, "Enter");
  await screen.press("clear", "Enter");
  await screen.shows("$");
  for (const [typed, completed] of lines) {
    await screen.press(typed, "Tab", "+");
    const line = await look(`${typed} ends`, (line) => line.endsWith("+"));
    // Ignores what a shell appends to a completed word.
    const shown = line.slice("$ ".length, -1).replace(/(?<!\\)[ =]$/, "");
    assertEquals(shown, completed);
    await screen.press("C-e", "C-u");
    await look("the line is empty", (line) => line === "$");
  }
}

for (const shell of Object.keys(SHELLS) as Shell[]) {
  Deno.test(`${shell} completes options, and sockets for the client`, async () => {
    using directory = new TempDir();
    const [socket, file, folder] = ["a.socket", "b.text", "c.folder"]
      .map((name) => directory.join(name)) as [string, string, string];
    using _listener = Deno.listen({ transport: "unix", path: socket });
    await Deno.writeTextFile(file, "");
    await Deno.mkdir(folder);
    const cut = (line: string) => line.slice(0, -3);
    const completed = [
      ...["ipc-server --quiet", "ipc-client --connections"],
      ...["ipc-client --version", "ipc-client -unix"],
      // A program with its path.
      ...[`${IPC_SERVER} --connection-timeout`, `${IPC_CLIENT} --json`],
      ...["", "-unix ", "--count 3 ", "--retry -- "]
        .map((start) => `ipc-client ${start}${socket}`),
    ];
    const unchanged = [
      ...[`ipc-client ${cut(file)}`, `ipc-server ${cut(socket)}`],
      ...["ipc-server --name ", "ipc-server --name=", "ipc-client --interval="]
        .map((start) => `${start}${cut(socket)}`),
    ];
    await assertCompletes(shell, [
      ...completed.map((line) => [cut(line), line] as [string, string]),
      ...unchanged.map((line) => [line, line] as [string, string]),
      [`ipc-client ${cut(folder)}`, `ipc-client ${folder}/`],
    ]);
  });
}

Deno.test("bash-completion loads the installed file at its first use", async () => {
  using directory = new TempDir();
  const folder = directory.join("bash-completion/completions");
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["ipc-server", "ipc-client"]) {
    const text = await Deno.readTextFile(`${FOLDER}/bash/${name}`);
    // As "make install" does for the directory of the programs.
    const installed = text.replaceAll("/usr/libexec/ipc", `${REPOSITORY}bin`);
    await Deno.writeTextFile(`${folder}/${name}`, installed);
  }
  await assertCompletes("bash", [
    [`${IPC_SERVER} --qui`, `${IPC_SERVER} --quiet`],
    ["ipc-client --cou", "ipc-client --count"],
  ], [
    SHELLS.bash[0],
    `PS1='$ '; export XDG_DATA_DIRS=${directory.path}
     source /usr/share/bash-completion/bash_completion`,
  ]);
});
