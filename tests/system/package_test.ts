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

/** Changes of the socket units in a later package; the mode shows on the socket. */
const SETTINGS = "s/^Backlog=.*/Backlog=77/; s/^SocketMode=.*/SocketMode=0660/";
const PATH = "s|/job.socket|/changed.socket|; s|/%i.socket|/%i-changed.socket|";

const machine = new Machine({
  prepare: async ({ root, run }) => {
    using directory = new TempDir();
    await makeDebs(directory.path);
    await makeRpms(directory.path);
    // Containers forbid packages to start services.
    // Other programs' hooks, apt's lists and the index of manuals take seconds.
    // The last is a directory of systemd's package, which the machine's tree lacks.
    await run(`cp ${directory.path}/*.deb ${directory.path}/*.rpm ${root}/opt
      cd ${root}; rm -rf usr/sbin/policy-rc.d etc/apt/apt.conf.d var/lib/apt/lists
      rm -rf var/lib/man-db/auto-update; mkdir etc/systemd/user`);
  },
});
let before: Set<string>;
Deno.test.beforeAll(async () => {
  await machine.units({ "needs@.service": NEEDS });
  before = await everything();
});

/**
 * Makes the package of this version, and repacks it as later ones: without a change of
 * the units, with other settings, and with another ListenStream=.
 */
async function makeDebs(folder: string): Promise<void> {
  const [deb] = await make(["deb"], `${folder}/deb`);
  // Debian 12 has /lib, and newer ones /usr/lib.
  await run(`cd ${folder}; mv deb/${deb} now.deb
    dpkg-deb --raw-extract now.deb root
    cd $(find root -path '*/lib/systemd/system')
    repack() {
      sed -i '/^Version: /s/$/+1/' ${folder}/root/DEBIAN/control
      dpkg-deb --build --root-owner-group -Zzstd -z1 ${folder}/root ${folder}/$1.deb
    }
    repack next
    sed -i '${SETTINGS}' *.socket; repack settings
    sed -i '${PATH}' *.socket; repack changed`);
}

/** Makes the rpm of this version, and a later one with other settings of the sockets. */
async function makeRpms(folder: string): Promise<void> {
  const tree = `${folder}/tree`;
  await copySources(tree);
  await run(`cp -R ${REPOSITORY}bin ${tree}`);
  const [now] = await make(["rpm"], `${folder}/now`, tree);
  await run(`cd ${tree}; sed -i '${SETTINGS}' units/*.socket
    sed -i 's/"${VERSION}"/"${VERSION}1"/' deno.json; touch bin/*`);
  const [next] = await make(["rpm"], `${folder}/next`, tree);
  await run(`cd ${folder}; mv now/${now} now.rpm; mv next/${next} next.rpm`);
}

/** Every path that a package may write to, except dpkg's and apt's databases. */
async function everything(): Promise<Set<string>> {
  const found = await machine.run(
    `find /etc /usr /var /run/ipc-server* -regex \
      '/var/\\(lib/\\(dpkg\\|apt\\|PackageKit\\)\\|cache\\|log\\)' -prune -o -print || :`,
  );
  return new Set(found.split("\n"));
}

/** Installs or removes packages. */
const apt = (args: string) =>
  machine.run(`DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet ${args}`);
const inode = () => machine.run(`stat --format=%i ${SOCKET_PATH}`);

/** Units of an administrator, which require a socket. */
const NEEDS = `[Unit]
Requires=%i.socket
After=%i.socket
[Service]
ExecStart=sleep infinity
`;
const DEPENDENTS = ["ipc-server", "ipc-server@one"].flatMap((name) => [
  ...[`${name}.socket`, `${name}.service`, `needs@${name}.service`],
]).concat(CLIENT);

/** Starts them, the sockets, and the client. */
async function startDependents(): Promise<void> {
  await machine.options("ipc-client", "--interval 10ms --count 1000000");
  await machine.systemctl("start", ...DEPENDENTS);
  await assertDependentsRun();
}

async function assertDependentsRun(): Promise<void> {
  for (const unit of DEPENDENTS) {
    await machine.reaches(unit, "active (running)");
  }
}

/** Checks that all of them run, on sockets with the new settings, and stops them. */
async function stopDependents(): Promise<void> {
  await assertDependentsRun();
  for (const path of [SOCKET_PATH, "/run/ipc-server/one.socket"]) {
    assertEquals(await machine.run(`stat --format=%a ${path}`), "660\n", path);
    await machine.assertServed(path);
  }
  await machine.systemctl("stop", ...DEPENDENTS);
}

Deno.test("after the deb's installation the socket listens, and nothing else runs", async () => {
  await apt("install /opt/now.deb");
  await machine.reaches(SOCKET, "active (listening)");
  await machine.shows(SOCKET, { UnitFileState: "enabled" });
  for (const unit of [SERVER, CLIENT]) {
    await machine.reaches(unit, "inactive (dead)");
    await machine.shows(unit, { UnitFileState: "disabled" });
  }
  const version = await machine.run(SERVER_PROGRAM, "--version");
  assertStringIncludes(version, VERSION);
});

Deno.test("an upgrade refuses no connection, and serves open ones to the end", async () => {
  await machine.options("ipc-client", "--interval 10ms");
  await machine.assertServed();
  const listening = await inode();
  const old = await machine.mainPid(SERVER);
  using conn = await machine.connect();
  assertEquals(await echoOf(conn, "before\n"), "before\n");
  let count = 0;
  let isOver = false;
  const others = (async () => {
    for (; !isOver; count++) {
      using _ = await machine.connect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  others.catch(() => {});
  await eventually("others connect", () => count, (n) => n > 20);
  await apt("install /opt/next.deb");
  await eventually(
    "another server runs",
    () => machine.mainPid(SERVER),
    (pid) => pid !== old && pid !== 0,
  );
  const meanwhile = count;
  assert(meanwhile > 100, `${meanwhile} connections during the upgrade`);
  await eventually("others connect", () => count, (n) => n > meanwhile + 20);
  isOver = true;
  await others;
  // The end, and not a reset.
  assertEquals(await receiveAllText(conn), "");
  await machine.assertServed();

  const version = await machine.run("dpkg-query --show ipc-server");
  assertStringIncludes(version, `${VERSION}-1+1`);
  assertEquals(await inode(), listening, "the socket was made anew");
  await machine.reaches(CLIENT, "inactive (dead)");
  const options = await machine.run("cat /etc/default/ipc-client");
  assertEquals(options, "IPC_CLIENT_OPTIONS=--interval 10ms\n");
});

Deno.test("an upgrade with a changed socket unit leaves all running that require the socket", async () => {
  await startDependents();
  await apt(
    "install --option=Dpkg::Options::=--force-confold /opt/settings.deb",
  );
  await stopDependents();
  await machine.systemctl("start", SOCKET);
});

Deno.test("an upgrade with a changed socket unit listens on the new path, and on no other", async () => {
  await machine.systemctl("start", "ipc-server@one.socket");
  const folder = "/run/ipc-server";
  const old = [SOCKET_PATH, `${folder}/one.socket`];
  for (const path of old) await machine.assertServed(path);
  await apt("install /opt/changed.deb");
  for (const name of ["changed", "one-changed"]) {
    await machine.assertServed(`${folder}/${name}.socket`);
  }
  for (const path of [...old, `${folder}.upgrade`]) {
    assertEquals(await machine.has(path), false, path);
  }
  const failed = await machine.run("systemctl list-units --failed --no-legend");
  assertEquals(failed, "");
});

Deno.test("a socket that the administrator stopped and disabled stays so in an upgrade", async () => {
  await machine.systemctl("disable", "--now", SOCKET);
  await machine.systemctl("stop", SERVER);
  await apt("install --allow-downgrades /opt/next.deb");
  await machine.reaches(SOCKET, "inactive (dead)");
  await machine.shows(SOCKET, { UnitFileState: "disabled" });
  await machine.systemctl("enable", "--now", SOCKET);
  await machine.assertServed();
});

Deno.test("removed, the deb has stopped and left its settings only", async () => {
  await machine.options("ipc-client", "");
  await machine.systemctl("enable", "--now", "ipc-server@two.socket");
  await machine.systemctl("enable", CLIENT);
  await machine.systemctl("--global", "enable", SOCKET, SERVER, CLIENT);
  await apt("remove ipc-server");
  for (const unit of [SOCKET, SERVER, CLIENT, "ipc-server@two.socket"]) {
    await machine.reaches(unit, "inactive (dead)");
  }
  assertEquals(await machine.has(SOCKET_PATH), false);
  assertEquals(await machine.has(SERVER_PROGRAM), false);
  assertEquals(await machine.has("/etc/default/ipc-client"), true);
});

Deno.test("purge removes everything", async () => {
  await apt("purge ipc-server");
  const changes = (await everything()).symmetricDifference(before);
  assertEquals([...changes], []);
  const units = await machine.run(
    "systemctl list-units --all --no-legend ipc-*",
  );
  assertEquals(units, "");
});

Deno.test("an upgrade of the rpm restarts a changed socket, and no other", async () => {
  const rpm = (args: string) =>
    machine.run(`rpm --dbpath /opt/rpm --nodeps ${args}`);
  await rpm("-i /opt/now.rpm");
  await startDependents();
  const listening = await inode();
  await rpm("-U --replacepkgs /opt/now.rpm");
  assertEquals(await inode(), listening, "the socket was made anew");
  await rpm("-U /opt/next.rpm");
  assert(await inode() !== listening);
  assertEquals(await machine.has("/run/ipc-server.upgrade"), false);
  await stopDependents();
});
