// The packages on a running machine, as its operator sees them: installed, upgraded while
// they serve, removed, purged.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { copySources, make, VERSION } from "../packaging/packages.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  CLIENT,
  Machine,
  run,
  SERVER,
  SOCKET,
  SOCKET_PATH,
} from "./machine.ts";

const SERVER_PROGRAM = "/usr/libexec/ipc/ipc-server";

/** Where the package with a changed socket unit listens. */
const CHANGED_PATH = "/run/ipc-server/changed.socket";

/** Changes of the socket units in a later package; the mode shows on the socket. */
const SETTINGS = "s/^Backlog=.*/Backlog=77/; s/^SocketMode=.*/SocketMode=0660/";
const PATH = "s|/job.socket|/changed.socket|; s|/%i.socket|/%i-changed.socket|";

/**
 * Makes the package of this version, and repacks it as later ones: without a change of
 * the units, with other settings, and with another ListenStream=. Returns their paths.
 */
async function packages(folder: string): Promise<string[]> {
  const [deb] = await make(["deb"], folder);
  const now = `${folder}/${deb}`;
  const root = `${folder}/root`;
  await run("dpkg-deb", "--raw-extract", now, root);
  const next = await repack(root, "next");
  // Debian 12 has /lib, and newer ones /usr/lib.
  const units = await run("find", root, "-path", "*/lib/systemd/system");
  await changeSockets(units.trimEnd(), SETTINGS);
  const settings = await repack(root, "settings");
  await changeSockets(units.trimEnd(), PATH);
  return [now, next, settings, await repack(root, "changed")];
}

async function changeSockets(folder: string, change: string): Promise<void> {
  await run(
    `cd ${folder}; sed -i '${change}' ipc-server.socket ipc-server@.socket`,
  );
}

/** The rpm of this version, and a later one with other settings of the sockets. */
async function rpms(folder: string): Promise<string[]> {
  const tree = `${folder}/tree`;
  await copySources(tree);
  await run(`cp -R ${REPOSITORY}bin ${tree}`);
  const [now] = await make(["rpm"], `${folder}/now`, { cwd: tree });
  await changeSockets(`${tree}/units`, SETTINGS);
  await run(`cd ${tree}; sed -i 's/"${VERSION}"/"${VERSION}1"/' deno.json
    touch bin/ipc-server bin/ipc-client`);
  const [next] = await make(["rpm"], `${folder}/next`, { cwd: tree });
  return [`${folder}/now/${now}`, `${folder}/next/${next}`];
}

/** Packs the extracted files with a later version. */
async function repack(root: string, name: string): Promise<string> {
  const deb = `${root}/../${name}.deb`;
  await run(`sed -i '/^Version: /s/$/+1/' ${root}/DEBIAN/control
    dpkg-deb --build --root-owner-group -Zzstd -z1 ${root} ${deb}`);
  return deb;
}

const NEEDS = ["needs-job.service", "needs-one.service"];
const DEPENDENTS = [
  ...[SOCKET, SERVER, CLIENT, ...NEEDS],
  ...["ipc-server@one.socket", "ipc-server@one.service"],
];

/** Starts units of an administrator that require the sockets, the sockets, and the client. */
async function startDependents(machine: Machine): Promise<void> {
  const sockets = [SOCKET, "ipc-server@one.socket"];
  await machine.units(Object.fromEntries(sockets.map((socket, i) => [
    NEEDS[i]!,
    `[Unit]\nRequires=${socket}\nAfter=${socket}\n[Service]\nExecStart=sleep infinity\n`,
  ])));
  await machine.options("ipc-client", "--interval 10ms --count 1000000");
  await machine.systemctl("start", ...DEPENDENTS);
  await assertDependentsRun(machine);
}

async function assertDependentsRun(machine: Machine): Promise<void> {
  for (const unit of DEPENDENTS) {
    await machine.reaches(unit, "active (running)");
  }
}

/** Checks that all of them run, on sockets with the new settings, and stops them. */
async function stopDependents(machine: Machine): Promise<void> {
  await assertDependentsRun(machine);
  for (const path of [SOCKET_PATH, "/run/ipc-server/one.socket"]) {
    assertEquals(await machine.run(`stat --format=%a ${path}`), "660\n", path);
    await machine.assertServed(path);
  }
  await machine.systemctl("stop", ...DEPENDENTS);
  await machine.run(`cd /etc/systemd/system; rm ${NEEDS.join(" ")}
    rm /etc/default/ipc-client; systemctl daemon-reload`);
}

/** A machine on which nothing of ours is, and services start as on any Debian. */
async function bootBare(debs: string[]): Promise<Machine> {
  return await Machine.boot({
    prepare: async ({ root, run }) => {
      // Containers forbid packages to start services.
      // Other programs' hooks, apt's lists and the index of manuals take seconds.
      // The last is a directory of systemd's package, which the machine's tree lacks.
      await run(`cp ${debs.join(" ")} ${root}/opt; cd ${root}
        rm -rf usr/sbin/policy-rc.d etc/apt/apt.conf.d var/lib/apt/lists
        rm -rf var/lib/man-db/auto-update; mkdir etc/systemd/user`);
    },
  });
}

/** Every path that a package may write to, except dpkg's and apt's databases. */
async function everything(machine: Machine): Promise<string[]> {
  const found = await machine.run(
    `find /etc /usr /var /opt /run/ipc-server* -regex \
      '/var/\\(lib/\\(dpkg\\|apt\\|PackageKit\\)\\|cache\\|log\\)' -prune -o -print || :`,
  );
  return found.trimEnd().split("\n").sort();
}

/** Connects every few milliseconds until it is stopped, and counts. */
class Knocking {
  connections = 0;
  readonly refused: string[] = [];
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(machine: Machine) {
    this.#done = this.#knock(machine);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #knock(machine: Machine): Promise<void> {
    while (!this.#stopped) {
      try {
        using _ = await machine.connect();
        this.connections++;
      } catch (error) {
        this.refused.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  }
}

Deno.test("the deb is installed, upgraded while it serves, removed and purged", async (t) => {
  using directory = new TempDir();
  const debs = await packages(directory.path);
  await using machine = await bootBare(debs);
  const [now, next, settings, changed] = debs.map((path) =>
    `/opt/${path.split("/").at(-1)}`
  );
  const apt = (...args: string[]) =>
    machine.run(
      `DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet ${args.join(" ")}`,
    );
  const isEnabled = async (unit: string) =>
    (await machine.attempt("systemctl", "is-enabled", unit)).stdout.trimEnd();
  const inode = () => machine.run(`stat --format=%i ${SOCKET_PATH}`);
  const before = await everything(machine);

  await t.step(
    "after installation the socket listens, and nothing else runs",
    async () => {
      await apt("install", now!);
      await machine.reaches(SOCKET, "active (listening)");
      await machine.reaches(SERVER, "inactive (dead)");
      await machine.reaches(CLIENT, "inactive (dead)");
      assertEquals(await isEnabled(SOCKET), "enabled");
      assertEquals(await isEnabled(SERVER), "disabled");
      assertEquals(await isEnabled(CLIENT), "disabled");
      const version = await machine.run(SERVER_PROGRAM, "--version");
      assertStringIncludes(version, VERSION);
    },
  );

  await t.step("the main job runs with the configured options", async () => {
    await machine.options("ipc-client", "--interval 10ms");
    await machine.systemctl("start", CLIENT);
    await machine.journalUpTo(CLIENT, "recv:close");
    await machine.reaches(CLIENT, "inactive (dead)");
    await machine.shows(CLIENT, { Result: "success" });
    await machine.reaches(SERVER, "active (running)");
  });

  await t.step(
    "an upgrade refuses no connection, and serves open ones to the end",
    async () => {
      const listening = await inode();
      const old = await machine.mainPid(SERVER);
      using conn = await machine.connect();
      assertEquals(await echoOf(conn, "before\n"), "before\n");
      const knocking = new Knocking(machine);
      let others: number;
      try {
        await eventually(
          "others connect",
          () => knocking.connections,
          (n) => n > 20,
        );
        await apt("install", next!);
        await eventually(
          "another server runs",
          () => machine.mainPid(SERVER),
          (pid) => pid !== old && pid !== 0,
        );
        others = knocking.connections;
        await eventually(
          "others still connect",
          () => knocking.connections,
          (n) => n > others + 20,
        );
      } finally {
        await knocking.stop();
      }
      assertEquals(knocking.refused, []);
      assert(others > 100, `only ${others} connections during the upgrade`);
      // The end, and not a reset.
      assertEquals(await receiveAllText(conn), "");
      await machine.assertServed();

      assertStringIncludes(
        await machine.run("dpkg-query", "--show", "ipc-server"),
        `${VERSION}-1+1`,
      );
      assertEquals(await inode(), listening, "the socket was made anew");
      await machine.reaches(CLIENT, "inactive (dead)");
      assertEquals(
        await machine.run("cat", "/etc/default/ipc-client"),
        "IPC_CLIENT_OPTIONS=--interval 10ms\n",
      );
    },
  );

  await t.step(
    "an upgrade with a changed socket unit leaves all running that require the socket",
    async () => {
      const options = await machine.run("cat", "/etc/default/ipc-client");
      await startDependents(machine);
      const keep = "--option=Dpkg::Options::=--force-confold";
      await apt("install", keep, settings!);
      await stopDependents(machine);
      await machine.write("/etc/default/ipc-client", options);
      await machine.systemctl("start", SOCKET);
    },
  );

  await t.step(
    "an upgrade with a changed socket unit listens on the new path, and on no other",
    async () => {
      const [old, renewed] = [
        "/run/ipc-server/one.socket",
        "/run/ipc-server/one-changed.socket",
      ];
      await machine.systemctl("start", "ipc-server@one.socket");
      for (const path of [SOCKET_PATH, old]) await machine.assertServed(path);
      await apt("install", changed!);
      for (const path of [CHANGED_PATH, renewed]) {
        await machine.assertServed(path);
      }
      for (const path of [SOCKET_PATH, old, "/run/ipc-server.upgrade"]) {
        assertEquals(await machine.has(path), false, path);
      }
      assertEquals(
        await machine.systemctl("list-units", "--failed", "--no-legend"),
        "",
      );
    },
  );

  await t.step(
    "a socket that the administrator stopped and disabled stays so in an upgrade",
    async () => {
      await machine.systemctl("disable", "--now", SOCKET);
      await machine.systemctl("stop", SERVER);
      await apt("install", "--allow-downgrades", next!);
      await machine.reaches(SOCKET, "inactive (dead)");
      assertEquals(await isEnabled(SOCKET), "disabled");
      await machine.systemctl("enable", "--now", SOCKET);
      await machine.assertServed();
    },
  );

  await t.step(
    "removed, it has stopped and left its settings only",
    async () => {
      await machine.systemctl("enable", "--now", "ipc-server@two.socket");
      await machine.systemctl("enable", CLIENT);
      await machine.systemctl("--global", "enable", SOCKET, SERVER, CLIENT);
      await apt("remove", "ipc-server");
      for (const unit of [SOCKET, SERVER, CLIENT, "ipc-server@two.socket"]) {
        await machine.reaches(unit, "inactive (dead)");
      }
      assertEquals(await machine.has(SOCKET_PATH), false);
      assertEquals(await machine.has(SERVER_PROGRAM), false);
      assertEquals(await machine.has("/etc/default/ipc-client"), true);
    },
  );

  await t.step("purge removes everything", async () => {
    await apt("purge", "ipc-server");
    const after = await everything(machine);
    const left = new Set(after).difference(new Set(before));
    const lost = new Set(before).difference(new Set(after));
    assertEquals({ left: [...left], lost: [...lost] }, { left: [], lost: [] });
    for (const unit of [SOCKET, SERVER, CLIENT]) {
      await machine.shows(unit, { LoadState: "not-found" });
    }
    assertEquals(
      await machine.systemctl("list-units", "--all", "--no-legend", "ipc-*"),
      "",
    );
  });
});

Deno.test("an upgrade of the rpm restarts a changed socket, and no other", async () => {
  using directory = new TempDir();
  const files = await rpms(directory.path);
  await using machine = await bootBare(files);
  const [now, next] = files.map((path) => `/opt/${path.split("/").at(-1)}`);
  const rpm = (...args: string[]) =>
    machine.run("rpm", "--dbpath", "/opt/rpm", "--nodeps", ...args);
  await rpm("-i", now!);
  await startDependents(machine);
  const inode = () => machine.run(`stat --format=%i ${SOCKET_PATH}`);
  const listening = await inode();
  await rpm("-U", "--replacepkgs", now!);
  assertEquals(await inode(), listening, "the socket was made anew");
  await rpm("-U", next!);
  assert(await inode() !== listening);
  assertEquals(await machine.has("/run/ipc-server.upgrade"), false);
  await stopDependents(machine);
});
