import { assert, assertEquals } from "@std/assert";
import { parseActivation } from "../../activation/environment.ts";
import { watchdogEnabled } from "../../daemon/watchdog.ts";
import { REPOSITORY, run } from "../support/program.ts";
import { type Random, withRandom } from "../support/random.ts";

type Environment = Record<string, string | undefined>;

/** The result of an implementation for an environment. */
interface Verdict {
  listen: string[] | "error";
  watchdog: number | "error";
}

const PID = 4242;

/** The values of each variable, which random environments combine. */
const POOLS: Record<string, Environment[string][]> = {
  LISTEN_PID: [
    ...Array(6).fill("$PID"),
    ...[undefined, "1", "0", "-1", "", "abc", " $PID", "+$PID", "0$PID"],
    ...["$PID ", "$PIDx", "2147483647", "2147483648", "99999999999999999999"],
  ],
  LISTEN_FDS: [
    ...["1", "1", "2", "2", "3", "4", "7", "16"],
    ...[undefined, "0", "-1", "", "x", "1x", " 2", "2 ", "+2", "02", "08"],
    ...["0x2", "1e0", "2.0", "17", "1048576", "2147483644", "2147483645"],
    ...["2147483648", "4294967297", "99999999999999999999"],
  ],
  LISTEN_FDNAMES: [
    ...[undefined, undefined, "a", "a:b", "a:b", "a:b:c", "w.socket:w.socket"],
    ...["", ":", "::", ":b", "a:", "a:b:c:d", "stored", "connection"],
    ...["with space:b", "'a:b'", '"a":b', "a\\:b", "a\\\\b:c", "a\\", "é:b"],
    ...["a\nb:c", "a\tb", "\x7f:b", `${"n".repeat(255)}:b`, "n".repeat(256)],
  ],
  WATCHDOG_USEC: [
    ...["1", "3000000", "30000000", "18446744073709551614", undefined],
    ...["0", "-1", "", "x", "1x", " 5", "5 ", "+5", "05", "0x10", "1.5"],
    ...["18446744073709551615", "18446744073709551616"],
  ],
  WATCHDOG_PID: [
    ...["$PID", "$PID", undefined, undefined, "1", "0", "-1", "", "x"],
    ...[" $PID", "+$PID", "0$PID", "2147483648"],
  ],
};

/**
 * Where we differ from libsystemd on purpose; the doc comments of `listenFds`
 * and `watchdogEnabled` list the same.
 */
const DIFFERENCES: {
  [reason: string]: [
    part: keyof Verdict,
    applies: (environment: Environment) => boolean,
    ours: (verdict: Verdict) => boolean,
  ];
} = {
  "only plain decimal integers are descriptors": [
    "listen",
    ({ LISTEN_PID, LISTEN_FDS }) => isLenient(LISTEN_PID, LISTEN_FDS),
    ({ listen }) => listen === "error",
  ],
  "only plain decimal integers are times": [
    "watchdog",
    ({ WATCHDOG_USEC, WATCHDOG_PID }) => isLenient(WATCHDOG_USEC, WATCHDOG_PID),
    ({ watchdog }) => watchdog === "error",
  ],
  "WatchdogSec=infinity is no watchdog": [
    "watchdog",
    ({ WATCHDOG_USEC }) => WATCHDOG_USEC === "18446744073709551615",
    ({ watchdog }) => watchdog === 0,
  ],
  "LISTEN_FDS=0 is no descriptors": [
    "listen",
    ({ LISTEN_FDS }) => LISTEN_FDS === "0",
    ({ listen }) => listen.length === 0,
  ],
  "descriptors are not examined: a closed one is no error": [
    "listen",
    ({ LISTEN_FDS }) => Number(LISTEN_FDS) > 16,
    ({ listen }) => listen === "error" || listen.length > 16,
  ],
  "names are printable ASCII of at most 255 characters": [
    "listen",
    ({ LISTEN_FDNAMES = "" }) => /[^\x20-\x7e]|[^:]{256}/.test(LISTEN_FDNAMES),
    ({ listen }) => listen === "error",
  ],
  "a backslash in a name is a backslash": [
    "listen",
    ({ LISTEN_FDNAMES = "" }) => LISTEN_FDNAMES.includes("\\"),
    () => true,
  ],
};

/** Whether a value is a number to strtol(3), but not as people write them. */
function isLenient(...values: Environment[string][]): boolean {
  return values.some((value) =>
    value !== undefined && /^\s*[+-]?0*\$?\w+$/.test(value) &&
    !/^(0|[1-9][0-9]*|\$PID)$/.test(value) &&
    /^\s*[+]?(0x[0-9a-f]+|0b[01]+|[0-9]+|0*\$PID)$/i.test(value)
  );
}

function ourVerdict(environment: Environment): Verdict {
  const env = {
    get: (name: string) => environment[name]?.replace("$PID", `${PID}`),
  };
  const orError = <T>(verdict: () => T): T | "error" => {
    try {
      return verdict();
    } catch {
      return "error";
    }
  };
  return {
    listen: orError(() => parseActivation(env, PID).map(({ name }) => name)),
    watchdog: orError(() => (watchdogEnabled({ env, pid: PID }) ?? 0) * 1000),
  };
}

async function theirVerdicts(environments: Environment[]): Promise<Verdict[]> {
  const { stdout } = await run(
    "python3",
    [`${REPOSITORY}tests/support/libsystemd.py`],
    { stdin: environments.map((each) => `${JSON.stringify(each)}\n`).join("") },
  );
  return stdout.trimEnd().split("\n").map((line) => {
    const { listen, watchdog } = JSON.parse(line);
    return {
      listen: typeof listen === "number" ? "error" : listen,
      watchdog: watchdog < 0 ? "error" : watchdog,
    };
  });
}

function* environments(random: Random, count: number): Generator<Environment> {
  // Each value once beside values that are fine, then any with any.
  const fine: Environment = {
    ...{ LISTEN_PID: "$PID", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:b" },
    ...{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "$PID" },
  };
  for (const [name, pool] of Object.entries(POOLS)) {
    for (const value of pool) {
      yield { ...fine, [name]: value };
      yield { ...fine, LISTEN_FDNAMES: undefined, [name]: value };
    }
  }
  for (let i = 0; i < count; i++) {
    yield Object.fromEntries(
      Object.entries(POOLS)
        .map(([name, pool]) => [name, pool[random.next() % pool.length]]),
    );
  }
}

Deno.test("listenFds and watchdogEnabled agree with libsystemd, but for the listed differences", () =>
  withRandom(async (random) => {
    const asked = [...environments(random, 600)];
    const theirs = await theirVerdicts(asked);
    assertEquals(theirs.length, asked.length);
    const differences = asked.flatMap((environment, i) => {
      const ours = ourVerdict(environment);
      return (["listen", "watchdog"] as const).flatMap((part) =>
        differs(environment, part, ours, theirs[i]!) ?? []
      );
    });
    assertEquals(new Set(differences), new Set(Object.keys(DIFFERENCES)));
    assert(differences.length < asked.length, `${differences.length} differ`);
  }));

function differs(
  environment: Environment,
  part: keyof Verdict,
  ours: Verdict,
  theirs: Verdict,
): string | undefined {
  const [our, their] = [ours[part], theirs[part]];
  // A double cannot hold every 64-bit integer.
  const isSame = typeof our === "number" && typeof their === "number"
    ? Math.abs(our - their) <= their * Number.EPSILON * 4
    : JSON.stringify(our) === JSON.stringify(their);
  if (isSame) return undefined;
  for (const [reason, [of, applies, as]] of Object.entries(DIFFERENCES)) {
    if (of === part && applies(environment) && as(ours)) return reason;
  }
  throw new Error(
    `${Deno.inspect({ environment, their, our: `${our}`.slice(0, 200) })}`,
  );
}
