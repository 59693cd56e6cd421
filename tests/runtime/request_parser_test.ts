// The parser below node:http: another shape is refused, never taken for the known one.

import process from "node:process";
import { assertEquals } from "@std/assert";
import { parserOf, parsesAsExpected } from "../../runtime/request_parser.ts";

const real = Reflect.get(process, "binding")("http_parser");

Deno.test("the parser of this Deno passes validation", () => {
  assertEquals(parsesAsExpected(parserOf(real)), true);
});

Deno.test("trailers are no headers, however the headers have arrived", () => {
  const heads: string[][] = [];
  const nothing = () => {};
  const parser = parserOf(real)({
    onBegin: nothing,
    onHead: ({ rawHeaders }) => heads.push(rawHeaders),
    onBody: nothing,
    onComplete: nothing,
  });
  // More headers than the parser reports at once.
  const names = Array.from({ length: 100 }, (_, i) => `a${i}`);
  const execute = (text: string) =>
    parser.execute(new TextEncoder().encode(text));
  const errors = [
    execute("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"),
    ...names.map((name) => execute(`${name}: b\r\n`)),
    execute("\r\n1\r\nx\r\n0\r\nx-t: y\r\n\r\n"),
  ];
  parser.close();
  assertEquals(errors.filter((error) => error !== undefined), []);
  assertEquals(heads, [
    ["Transfer-Encoding", "chunked", ...names.flatMap((name) => [name, "b"])],
  ]);
});

const { HTTPParser } = real;

/** The parser with some of its numbers or methods changed. */
function changed(statics: object, methods: object = {}): unknown {
  class Other extends HTTPParser {}
  Object.assign(Other, { ...HTTPParser, ...statics });
  Object.assign(Other.prototype, methods);
  return { ...real, HTTPParser: Other };
}

const OTHER_SHAPES: Record<string, unknown> = {
  "nothing": undefined,
  "no parser": { ...real, HTTPParser: undefined },
  "no methods of requests": { ...real, allMethods: undefined },
  "other methods of requests": { ...real, allMethods: ["GET"] },
  "a parser of responses": changed({ REQUEST: 2 }),
  "no event of the head": changed({ kOnHeadersComplete: undefined }),
  "another event of the body": changed({ kOnBody: 77 }),
  "no event of the end": changed({ kOnMessageComplete: undefined }),
  "no execute": changed({}, { execute: undefined }),
  "execute that returns nothing": changed({}, { execute: () => undefined }),
  "execute that throws": changed({}, {
    execute() {
      throw new Error("no");
    },
  }),
  "no close": changed({}, { close: undefined }),
};
for (const [what, module] of Object.entries(OTHER_SHAPES)) {
  Deno.test(`validation of the parser refuses: ${what}`, () => {
    let passes;
    try {
      passes = parsesAsExpected(parserOf(module));
    } catch {
      passes = false;
    }
    assertEquals(passes, false);
  });
}
