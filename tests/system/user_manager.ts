import { eventually } from "../support/eventually.ts";
import type { Finished } from "../support/program.ts";
import type { Machine } from "./machine.ts";

const UID = "1234";
const HOME = "/home/ipc-tester";

/**
 * The distribution's unit, but for PAM: with it, the machine would need Debian's
 * libpam-systemd, for nothing but this directory and this variable.
 */
const USER_MANAGER = `[Unit]
Description=User manager for UID %i

[Service]
Type=notify
User=%i
RuntimeDirectory=user/%i
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/user/%i
ExecStart=/lib/systemd/systemd --user
Slice=user-%i.slice
KillMode=mixed
Delegate=pids memory cpu
`;

/** A user of a machine with a service manager, as after a login. */
export class UserManager {
  readonly #machine: Machine;
  /** What `%t` of the user's units is. */
  readonly runtimeDirectory = `/run/user/${UID}`;
  /** What `%E` of the user's units is. */
  readonly configDirectory = `${HOME}/.config`;

  private constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Adds a user, and starts the manager. */
  static async start(machine: Machine): Promise<UserManager> {
    const manager = new UserManager(machine);
    await machine.run(
      ...["useradd", `--uid=${UID}`, "--user-group", `--home-dir=${HOME}`],
      ...["--create-home", "ipc-tester"],
    );
    await machine.write("/etc/systemd/system/user@.service", USER_MANAGER);
    await machine.systemctl("daemon-reload");
    await manager.restart();
    return manager;
  }

  /** Ends the manager and all that it runs, if it runs, and starts it. */
  async restart(): Promise<void> {
    await this.#machine.systemctl("restart", `user@${UID}.service`);
  }

  /** Writes a line into a file in the user's configuration. */
  async write(name: string, text: string): Promise<void> {
    await this.#machine.write(`${this.configDirectory}/${name}`, `${text}\n`);
  }

  /** Runs a command as the user; see the function of the same name. */
  attempt(...command: string[]): Promise<Finished> {
    return this.#machine.attempt("setpriv", ...this.#as(command));
  }

  /** Runs a command as the user; see the function of the same name. */
  run(...command: string[]): Promise<string> {
    return this.#machine.run("setpriv", ...this.#as(command));
  }

  /** `systemctl --user`. Returns its stdout. */
  systemctl(...args: string[]): Promise<string> {
    return this.run("systemctl", "--user", ...args);
  }

  /** One property of a unit. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.systemctl(
      ...["show", unit, `--property=${property}`, "--value"],
    )).trimEnd();
  }

  /** Waits until a unit is in a state, named as `systemctl status` does. */
  async reaches(unit: string, state: string): Promise<void> {
    await eventually(
      `${unit} of the user is ${state}`,
      async () => {
        const active = await this.show(unit, "ActiveState");
        return `${active} (${await this.show(unit, "SubState")})`;
      },
      (now) => now === state,
    );
  }

  /** What a unit's processes wrote to the journal, line by line. */
  async journal(unit: string): Promise<string[]> {
    const lines = await this.#machine.run(
      ...["journalctl", "--output=cat", "--quiet", "_TRANSPORT=stdout"],
      ...[`_SYSTEMD_USER_UNIT=${unit}`, `_UID=${UID}`],
    );
    return lines.split("\n").slice(0, -1);
  }

  #as(command: string[]): [string, ...string[]] {
    return [
      `--reuid=${UID}`,
      `--regid=${UID}`,
      "--clear-groups",
      "env",
      `HOME=${HOME}`,
      `XDG_RUNTIME_DIR=${this.runtimeDirectory}`,
      ...command,
    ];
  }
}
