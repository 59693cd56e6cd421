/**
 * The program behind `make bench`: our server beside others, each measured in
 * turn, in rounds. `make help` describes its variables.
 *
 * @module
 */

import { compileC, runBench } from "./common.ts";
import { buildContenders, type Contender } from "./contenders.ts";
import { measureRound } from "./measures.ts";
import { report } from "./report.ts";

let contenders: Contender[];
await runBench(
  "echo",
  async (scratch) => {
    await compileC("load", scratch);
    contenders = await buildContenders(scratch);
    return (round) => measureRound(round, contenders, scratch);
  },
  () => report(contenders),
);
