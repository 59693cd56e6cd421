// The client at a terminal: line editing, and the restored terminal.

import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { IPC_CLIENT } from "../support/program.ts";
import { TestServer } from "../support/test_server.ts";
import { ActivatedServer } from "./activated_server.ts";
import { Screen } from "./client_screen.ts";

const GREETING = "connect success !";

/**
 * A script that runs the client, and then prints its exit status and whether the
 * terminal is as it was.
 *
 * @param wrapper A command that runs the client.
 */
function client(address: string, wrapper = ""): string {
  return `before=$(stty -g)
    ${wrapper}${IPC_CLIENT} ${address}
    echo "status $?"
    [ "$before" = "$(stty -g)" ] && echo restored`;
}

/** An echo server, and the client at a terminal, ready for lines. */
async function conversation(): Promise<
  { screen: Screen; server: ActivatedServer } & AsyncDisposable
> {
  await using started = new AsyncDisposableStack();
  const server = started.use(await ActivatedServer.listen());
  const screen = started.use(await Screen.open(client(server.address)));
  await screen.shows(GREETING);
  const all = started.move();
  return {
    screen,
    server,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const EDITS: [what: string, keys: string[], line: string][] = [
  ["Left and Right move", ["a", "c", "Left", "b", "Right", "d"], "abcd"],
  ["Home and End move", ["b", "Home", "a", "End", "c"], "abc"],
  ["Ctrl-A and Ctrl-E move", ["b", "C-a", "a", "C-e", "c"], "abc"],
  [
    "Backspace and Delete erase",
    ["a", "x", "b", "y", "BSpace"].concat(
      ["Left", "Left", "Delete"],
    ),
    "ab",
  ],
  ["Ctrl-K cuts the rest", ["a", "b", "x", "Left", "C-k"], "ab"],
  ["Ctrl-U cuts what is before", ["x", "y", "a", "Left", "C-u"], "a"],
  ["Ctrl-W cuts a word", ["a", "Space", "x", "y", "C-w", "b"], "a b"],
  ["Ctrl-D within a line erases", ["a", "x", "Left", "C-d"], "a"],
  [
    "letters may be of several bytes",
    ["é", "x", "日", "Left", "BSpace"],
    "é日",
  ],
];

for (const [what, keys, line] of EDITS) {
  Deno.test(`at a terminal, ${what}`, async () => {
    await using had = await conversation();
    for (const key of keys) await had.screen.press(key);
    await had.screen.shows(GREETING, line);
    await had.screen.press("Enter");
    await had.screen.shows(GREETING, line, line);
    await had.server.stdout.line(`server recv: ${line}`);
  });
}

Deno.test("at a terminal, Up and Down recall earlier lines", async () => {
  await using had = await conversation();
  const { screen } = had;
  for (const line of ["first", "second"]) {
    await screen.type(line);
    await screen.press("Enter");
    await screen.ends(line, line);
  }
  await screen.press("Up", "Up");
  await screen.ends("second", "second", "first");
  await screen.press("Down");
  await screen.ends("second", "second", "second");
  await screen.type("!");
  await screen.press("Enter");
  await screen.ends("second", "second!", "second!");
});

Deno.test("at a terminal, Ctrl-D on an empty line ends it, and the terminal is restored", async () => {
  await using had = await conversation();
  await had.screen.type("a");
  await had.screen.press("Enter");
  await had.screen.ends("a", "a");
  await had.screen.press("C-d");
  await had.screen.shows(GREETING, "a", "a", "status 0", "restored");
});

Deno.test("at a terminal, replies after Ctrl-D are printed", async () => {
  using server = new TestServer(async (conn) => {
    const buffer = new Uint8Array(1024);
    while (await conn.read(buffer) !== null);
    await send(conn, "the rest\n");
    conn.close();
  });
  await using screen = await Screen.open(client(server.address));
  await screen.shows(GREETING);
  await screen.press("C-d");
  await screen.shows(GREETING, "the rest", "status 0", "restored");
});

Deno.test("at a terminal, Ctrl-C exits and restores the terminal", async () => {
  await using had = await conversation();
  await had.screen.type("half a line");
  await had.screen.shows(GREETING, "half a line");
  await had.screen.press("C-c");
  await had.screen.shows(GREETING, "half a line", "status 130", "restored");
});

Deno.test('at a terminal, "close" ends it, and the terminal is restored', async () => {
  await using had = await conversation();
  await had.screen.type("close");
  await had.screen.press("Enter");
  await had.screen.shows(GREETING, "close", "close", "status 0", "restored");
});

Deno.test("at a terminal, a lost connection is reported below the edited line", async () => {
  await using had = await conversation();
  await had.screen.type("half a line");
  await had.screen.shows(GREETING, "half a line");
  had.server.program.kill("SIGKILL");
  const lines = await had.screen.ends("status 1", "restored");
  assertEquals(lines.slice(0, 2), [GREETING, "half a line"]);
  assertEquals(lines[2]!.startsWith("ipc-client: "), true, lines[2]);
});

const SIGNALS = [["SIGTERM", 143], ["SIGHUP", 129], ["SIGQUIT", 131]] as const;
for (const [signal, status] of SIGNALS) {
  Deno.test(`at a terminal, ${signal} restores it`, async () => {
    await using server = await ActivatedServer.listen();
    await using screen = await Screen.open(
      client(server.address, "sh -c 'echo pid $$; exec \"$@\"' - "),
    );
    const [pidLine] = await screen.ends(/^pid [1-9][0-9]*$/, GREETING);
    Deno.kill(Number(pidLine!.slice("pid ".length)), signal);
    await screen.shows(pidLine!, GREETING, `status ${status}`, "restored");
  });
}

Deno.test("at a terminal, Ctrl-Z suspends it, and the edited line continues", async () => {
  await using server = await ActivatedServer.listen();
  await using screen = await Screen.open(
    `exec env PS1='$ ' bash --norc --noprofile -i`,
  );
  await screen.ends("$");
  await screen.type(`clear; ${IPC_CLIENT} ${server.address}`);
  await screen.press("Enter");
  await screen.shows(GREETING);
  await screen.type("half");
  await screen.shows(GREETING, "half");
  await screen.press("C-z");
  await screen.ends("$");
  await screen.type("fg");
  await screen.press("Enter");
  await screen.ends("half");
  await screen.type(" and half");
  await screen.press("Enter");
  await screen.ends("half and half", "half and half");
  await screen.press("C-d");
  await screen.ends("half and half", "$");
});

/** A server that sends lines given by the test. */
class Talker implements Disposable {
  readonly #server: TestServer;
  #conn: Deno.Conn | undefined;

  constructor() {
    this.#server = new TestServer((conn) => {
      this.#conn = conn;
      return Promise.resolve();
    });
  }

  get address(): string {
    return this.#server.address;
  }

  async say(text: string): Promise<void> {
    const conn = await eventually(
      "the client has connected",
      () => this.#conn,
      (conn) => conn !== undefined,
    );
    await send(conn!, text);
  }

  [Symbol.dispose](): void {
    this.#server[Symbol.dispose]();
  }
}

Deno.test("at a terminal, replies appear above the edited line", async () => {
  using talker = new Talker();
  await using screen = await Screen.open(client(talker.address));
  await screen.shows(GREETING);
  await screen.type("half lin");
  await screen.press("Left", "Left", "Left");
  await screen.shows(GREETING, "half lin");
  await talker.say("news\nand more\n");
  await screen.shows(GREETING, "news", "and more", "half lin");
  // The cursor is where it was.
  await screen.type("a ");
  await screen.shows(GREETING, "news", "and more", "half a lin");
});

Deno.test("at a terminal, a wrapped line is not garbled by replies", async () => {
  using talker = new Talker();
  await using screen = await Screen.open(client(talker.address));
  await screen.shows(GREETING);
  const [first, second] = ["x".repeat(60), "y".repeat(30)];
  await screen.type(first + second);
  await screen.shows(GREETING, first, second);
  await talker.say("news\n");
  await screen.shows(GREETING, "news", first, second);
  await talker.say("more\n");
  await screen.press("BSpace");
  await screen.shows(GREETING, "news", "more", first, second.slice(1));
});

Deno.test("at a terminal, typed text follows a line that the server has not ended", async () => {
  using talker = new Talker();
  await using screen = await Screen.open(client(talker.address));
  await screen.shows(GREETING);
  await talker.say("name: ");
  await screen.shows(GREETING, "name:");
  await screen.type("mee");
  await screen.press("Left", "BSpace");
  await screen.shows(GREETING, "name: me");
  await talker.say("(or so) ");
  await screen.shows(GREETING, "name: (or so) me");
  await talker.say("\n");
  await screen.shows(GREETING, "name: (or so)", "me");
});

Deno.test("at a terminal without cursor control, the kernel edits the line", async () => {
  await using server = await ActivatedServer.listen();
  await using screen = await Screen.open(
    `export TERM=dumb\n${client(server.address)}`,
  );
  await screen.shows(GREETING);
  await screen.type("one");
  await screen.press("C-u");
  await screen.type("two");
  await screen.press("Enter");
  await screen.shows(GREETING, "two", "two");
  await screen.press("C-d");
  await screen.shows(GREETING, "two", "two", "status 0", "restored");
});
