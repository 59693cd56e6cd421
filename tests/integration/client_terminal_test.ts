// The client at a terminal: line editing, and the restored terminal.

import { assertEquals, assertMatch } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { IPC_CLIENT } from "../support/program.ts";
import { TestServer } from "../support/test_server.ts";
import { ActivatedServer } from "./activated_server.ts";
import { Screen } from "./screen.ts";

const GREETING = "connect success !";

/**
 * Runs the client at a terminal; then the terminal shows its exit status and whether it
 * is as it was.
 *
 * @param wrapper Variables, or a command that runs the client.
 */
function client(address: string, wrapper = ""): Promise<Screen> {
  return Screen.open(`before=$(stty -g)
    ${wrapper} ${IPC_CLIENT} ${address}
    echo "status $?"
    [ "$before" = "$(stty -g)" ] && echo restored`);
}

/** A client at a terminal, ready for lines, and its server. */
async function talk<Server extends Disposable | AsyncDisposable>(
  server: Server & { address: string },
) {
  await using started = new AsyncDisposableStack();
  started.use(server);
  const screen = started.use(await client(server.address));
  await screen.shows(GREETING);
  const all = started.move();
  return { screen, server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const conversation = async () => talk(await ActivatedServer.listen());

/** A client at a terminal, and the server's end of its connection. */
async function monologue() {
  const { promise, resolve } = Promise.withResolvers<Deno.Conn>();
  const had = await talk(
    new TestServer((conn) => Promise.resolve(resolve(conn))),
  );
  return { ...had, conn: await soon("the client has connected", promise) };
}

const EDITS: [what: string, keys: string[], line: string][] = [
  ["Left and Right move", ["a", "c", "Left", "b", "Right", "d"], "abcd"],
  ["Ctrl-D within a line erases", ["ax", "Left", "C-d"], "a"],
  ["Ctrl-U cuts what is before", ["xyd", "Left", "C-u"], "d"],
  ["letters may be of several bytes", ["éx日", "Left", "BSpace"], "é日"],
  ["Up and Down recall lines", ["Up", "Up", "Up", "Down", "!"], "d!"],
];

Deno.test("at a terminal, lines are edited, and recalled", async () => {
  await using had = await conversation();
  for (const [what, keys, line] of EDITS) {
    await had.screen.press("C-u", ...keys, "Enter");
    await had.screen.ends(line, line).catch((error) => {
      throw new Error(`${what}: ${error}`);
    });
    await had.server.stdout.line(`server recv: ${line}`);
  }
});

const ENDINGS: [typed: string, key: string, shown: string[], status: number][] =
  [
    ["", "C-d", [], 0],
    ["close", "Enter", ["close", "close"], 0],
    ["half a line", "C-c", ["half a line"], 130],
    ["half a line", "C-\\", ["half a line"], 131],
  ];

for (const [typed, key, shown, status] of ENDINGS) {
  Deno.test(`at a terminal, ${key} after "${typed}" exits with ${status} and restores it`, async () => {
    await using had = await conversation();
    await had.screen.press(typed);
    await had.screen.ends(typed || GREETING);
    await had.screen.press(key);
    await had.screen.shows(GREETING, ...shown, `status ${status}`, "restored");
  });
}

Deno.test("at a terminal, SIGTERM exits with 143 and restores it", async () => {
  await using server = await ActivatedServer.listen();
  const wrapper = "sh -c 'echo pid $$; exec \"$@\"' -";
  await using screen = await client(server.address, wrapper);
  const [pid] = await screen.ends(/^pid [1-9][0-9]*$/, GREETING);
  Deno.kill(Number(pid!.slice("pid ".length)), "SIGTERM");
  await screen.shows(pid!, GREETING, "status 143", "restored");
});

Deno.test("at a terminal, a lost connection is reported below the edited line", async () => {
  await using had = await conversation();
  const { screen, server } = had;
  await screen.press("half a line");
  await screen.shows(GREETING, "half a line");
  server.kill("SIGKILL");
  const lines = await screen.ends("status 1", "restored");
  assertEquals(lines.slice(0, 2), [GREETING, "half a line"]);
  assertMatch(lines[2]!, /^ipc-client: /);
});

Deno.test("at a terminal, Ctrl-Z suspends it, and the edited line continues", async () => {
  await using server = await ActivatedServer.listen();
  await using screen = await Screen.open(
    `exec env PS1='$ ' bash --norc --noprofile -i`,
  );
  await screen.ends("$");
  await screen.press(`clear; ${IPC_CLIENT} ${server.address}`, "Enter");
  await screen.shows(GREETING);
  await screen.press("half");
  await screen.shows(GREETING, "half");
  await screen.press("C-z");
  await screen.ends("$");
  await screen.press("fg", "Enter");
  await screen.ends("half");
  await screen.press(" and half", "Enter");
  await screen.ends("half and half", "half and half");
  await screen.press("C-d");
  await screen.ends("half and half", "$");
});

Deno.test("at a terminal, replies appear above the edited line, also if it is wrapped", async () => {
  await using had = await monologue();
  const { screen, conn } = had;
  await screen.press("half lin", "Left", "Left", "Left");
  await screen.shows(GREETING, "half lin");
  await send(conn, "news\nand more\n");
  await screen.shows(GREETING, "news", "and more", "half lin");
  // The cursor is where it was.
  await screen.press("a ");
  await screen.shows(GREETING, "news", "and more", "half a lin");
  const wrapped = ["x".repeat(60), "y".repeat(30)];
  await screen.press("C-e", "C-u", wrapped.join(""));
  await screen.shows(GREETING, "news", "and more", ...wrapped);
  await send(conn, "more news\n");
  await screen.shows(GREETING, "news", "and more", "more news", ...wrapped);
});

Deno.test("at a terminal, typed text follows a line that the server has not ended", async () => {
  await using had = await monologue();
  const { screen, conn } = had;
  await send(conn, "name: ");
  await screen.shows(GREETING, "name:");
  await screen.press("mee", "Left", "BSpace");
  await screen.shows(GREETING, "name: me");
  await send(conn, "(or so) ");
  await screen.shows(GREETING, "name: (or so) me");
  await send(conn, "\n");
  await screen.shows(GREETING, "name: (or so)", "me");
});

Deno.test("at a terminal, replies after Ctrl-D are printed", async () => {
  await using had = await monologue();
  const { screen, conn } = had;
  // Its echo is missing: the client waits for longer than a second.
  await screen.press("x", "Enter", "C-d");
  assertEquals(await receiveAllText(conn), "x\n");
  await send(conn, "the rest\n");
  conn.close();
  await screen.shows(GREETING, "x", "the rest", "status 0", "restored");
});

Deno.test("at a terminal without cursor control, the kernel edits the line", async () => {
  await using server = await ActivatedServer.listen();
  await using screen = await client(server.address, "TERM=dumb");
  await screen.shows(GREETING);
  await screen.press("one", "C-u", "two", "Enter");
  await screen.shows(GREETING, "two", "two");
  await screen.press("C-d");
  await screen.shows(GREETING, "two", "two", "status 0", "restored");
});
