// The packages on a running machine, as its operator sees them: installed, upgraded while
// they serve, removed, purged.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { copySources, make, VERSION } from "../packaging/packages.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, REPOSITORY, run, SOCKET_PATH } from "./machine.ts";

const SOCKET = "ipc-server.socket";
const SERVER = "ipc-server.service";
const CLIENT = "ipc-client.service";
const PROGRAMS = ["ipc-server", "ipc-client"];
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
  const units = ["ipc-server.socket", "ipc-server@.socket"]
    .map((unit) => `${folder}/${unit}`);
  await run("sed", "-i", change, ...units);
}

/** The rpm of this version, and a later one with other settings of the sockets. */
async function rpms(folder: string): Promise<string[]> {
  const tree = `${folder}/tree`;
  await copySources(tree);
  await run("cp", "-R", `${REPOSITORY}/bin`, tree);
  const [now] = await make(["rpm"], `${folder}/now`, { cwd: tree });
  await changeSockets(`${tree}/units`, SETTINGS);
  await run("sed", "-i", `s/"${VERSION}"/"${VERSION}1"/`, `${tree}/deno.json`);
  await run("touch", ...PROGRAMS.map((name) => `${tree}/bin/${name}`));
  const [next] = await make(["rpm"], `${folder}/next`, { cwd: tree });
  return [`${folder}/now/${now}`, `${folder}/next/${next}`];
}

/** Packs the extracted files with a later version. */
async function repack(root: string, name: string): Promise<string> {
  const deb = `${root}/../${name}.deb`;
  await run("sed", "-i", "/^Version: /s/$/+1/", `${root}/DEBIAN/control`);
  await run(
    ...["dpkg-deb", "--build", "--root-owner-group", "-Zzstd", "-z1"],
    ...[root, deb],
  );
  return deb;
}

/**
 * Starts units of an administrator that require the sockets, the sockets, and the client;
 * later checks that all of them run, on sockets with the new settings.
 */
class Dependents {
  static readonly #units = [
    ...[SOCKET, SERVER, CLIENT, "needs-job.service"],
    ...["ipc-server@one.socket", "ipc-server@one.service", "needs-one.service"],
  ];
  readonly #machine: Machine;

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  static async start(machine: Machine): Promise<Dependents> {
    const dependents = new Dependents(machine);
    const sockets = { job: SOCKET, one: "ipc-server@one.socket" };
    for (const [name, socket] of Object.entries(sockets)) {
      await machine.write(
        `/etc/systemd/system/needs-${name}.service`,
        `[Unit]\nRequires=${socket}\nAfter=${socket}\n[Service]\nExecStart=sleep infinity\n`,
      );
    }
    await machine.write(
      "/etc/default/ipc-client",
      "IPC_CLIENT_OPTIONS=--interval 10ms --count 1000000\n",
    );
    await machine.systemctl("daemon-reload");
    await machine.systemctl("start", ...this.#units);
    await dependents.run();
    return dependents;
  }

  async run(): Promise<void> {
    for (const unit of Dependents.#units) {
      await this.#machine.reaches(unit, "active (running)");
    }
  }

  async haveNewSockets(): Promise<void> {
    await this.run();
    for (const name of ["job", "one"]) {
      const path = `/run/ipc-server/${name}.socket`;
      const mode = await this.#machine.run("stat", "--format=%a", path);
      assertEquals(mode, "660\n", path);
      using conn = await this.#machine.connect(path);
      assertEquals(await echoOf(conn, "after\n"), "after\n");
    }
  }

  async stop(): Promise<void> {
    await this.#machine.systemctl("stop", ...Dependents.#units);
    await this.#machine.run(
      ...["rm", "-f", "/etc/default/ipc-client"],
      ...["job", "one"].map((name) =>
        `/etc/systemd/system/needs-${name}.service`
      ),
    );
    await this.#machine.systemctl("daemon-reload");
  }
}

/** A machine on which nothing of ours is, and services start as on any Debian. */
async function bootBare(debs: string[]): Promise<Machine> {
  return await Machine.boot({
    prepare: async ({ root, run }) => {
      // Containers forbid packages to start services.
      await run("rm", "-f", `${root}/usr/sbin/policy-rc.d`);
      await run("cp", ...debs, `${root}/opt`);
      // Other programs' hooks, apt's lists and the index of manuals take seconds.
      await run(
        ...["rm", "-rf", `${root}/etc/apt/apt.conf.d`],
        ...[`${root}/var/lib/apt/lists`, `${root}/var/lib/man-db/auto-update`],
      );
      // A directory of systemd's package, which the machine's tree lacks.
      await run("mkdir", `${root}/etc/systemd/user`);
    },
  });
}

/** Every path that a package may write to, except dpkg's and apt's databases. */
async function everything(machine: Machine): Promise<string[]> {
  const books = [
    ...["/var/lib/dpkg", "/var/lib/apt", "/var/lib/PackageKit"],
    ...["/var/cache", "/var/log"],
  ];
  const places = ["/etc", "/usr", "/var", "/opt", "/run/ipc-server*"];
  const found = await machine.run(
    "sh",
    "-c",
    `find ${places.join(" ")} ${
      books.map((path) => `-path ${path} -prune -o`).join(" ")
    } -print 2>/dev/null || :`,
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
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      ...["apt-get", "--yes", "--quiet", ...args],
    );
  const isEnabled = async (unit: string) =>
    (await machine.attempt("systemctl", "is-enabled", unit)).stdout.trimEnd();
  const inode = () => machine.run("stat", "--format=%i", SOCKET_PATH);
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
    await machine.write(
      "/etc/default/ipc-client",
      "IPC_CLIENT_OPTIONS=--interval 10ms\n",
    );
    await machine.systemctl("start", CLIENT);
    await machine.journalUpTo(CLIENT, "recv:close");
    await machine.reaches(CLIENT, "inactive (dead)");
    assertEquals(await machine.show(CLIENT, "Result"), { Result: "success" });
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
      using after = await machine.connect();
      assertEquals(await echoOf(after, "after\n"), "after\n");

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
      const dependents = await Dependents.start(machine);
      await apt(
        "install",
        "--option=Dpkg::Options::=--force-confold",
        settings!,
      );
      await dependents.haveNewSockets();
      await dependents.stop();
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
      for (const path of [SOCKET_PATH, old]) {
        using conn = await machine.connect(path);
        assertEquals(await echoOf(conn, "before\n"), "before\n");
      }
      await apt("install", changed!);
      for (const path of [CHANGED_PATH, renewed]) {
        using conn = await machine.connect(path);
        assertEquals(await echoOf(conn, "after\n"), "after\n");
      }
      for (const path of [SOCKET_PATH, old, "/run/ipc-server.upgrade"]) {
        assertEquals((await machine.attempt("test", "-e", path)).code, 1, path);
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
      using conn = await machine.connect();
      assertEquals(await echoOf(conn, "again\n"), "again\n");
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
      assertEquals((await machine.attempt("test", "-e", SOCKET_PATH)).code, 1);
      assertEquals(
        (await machine.attempt("test", "-e", SERVER_PROGRAM)).code,
        1,
      );
      assertEquals(
        (await machine.attempt("test", "-e", "/etc/default/ipc-client")).code,
        0,
      );
    },
  );

  await t.step("purge removes everything", async () => {
    await apt("purge", "ipc-server");
    const after = await everything(machine);
    const left = new Set(after).difference(new Set(before));
    const lost = new Set(before).difference(new Set(after));
    assertEquals({ left: [...left], lost: [...lost] }, { left: [], lost: [] });
    for (const unit of [SOCKET, SERVER, CLIENT]) {
      assertEquals(await machine.show(unit, "LoadState"), {
        LoadState: "not-found",
      });
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
  const dependents = await Dependents.start(machine);
  const inode = () => machine.run("stat", "--format=%i", SOCKET_PATH);
  const listening = await inode();
  await rpm("-U", "--replacepkgs", now!);
  assertEquals(await inode(), listening, "the socket was made anew");
  await rpm("-U", next!);
  await dependents.haveNewSockets();
  assert(await inode() !== listening);
  assertEquals(
    (await machine.attempt("test", "-e", "/run/ipc-server.upgrade")).code,
    1,
  );
  await dependents.stop();
});
