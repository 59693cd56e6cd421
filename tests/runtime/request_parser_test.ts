// The parser below node:http: another shape is refused, never taken for the known one.

import process from "node:process";
import { assertEquals } from "@std/assert";
import { parserOf, parsesAsExpected } from "../../runtime/request_parser.ts";

const real = Reflect.get(process, "binding")("http_parser");
const { HTTPParser } = real;

Deno.test("trailers are no headers, however the headers have arrived", () => {
  const heads: string[][] = [];
  const nothing = () => {};
  const parser = parserOf(real)({
    onHead: ({ rawHeaders }) => heads.push(rawHeaders),
    ...{ onBegin: nothing, onBody: nothing, onComplete: nothing },
  });
  // More headers than the parser reports at once.
  const names = Array.from({ length: 100 }, (_, i) => `a${i}`);
  for (
    const text of [
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
      ...names.map((name) => `${name}: b\r\n`),
      "\r\n1\r\nx\r\n0\r\nx-t: y\r\n\r\n",
    ]
  ) assertEquals(parser.execute(new TextEncoder().encode(text)), undefined);
  parser.close();
  assertEquals(heads, [
    ["Transfer-Encoding", "chunked", ...names.flatMap((name) => [name, "b"])],
  ]);
});

/** Whether the parser passes validation with some of its numbers or methods changed. */
function passes(module: object, statics = {}, methods = {}): boolean {
  class Other extends HTTPParser {}
  Object.assign(Other, { ...HTTPParser, ...statics });
  Object.assign(Other.prototype, methods);
  try {
    return parsesAsExpected(
      parserOf({ ...real, HTTPParser: Other, ...module }),
    );
  } catch {
    return false;
  }
}

Deno.test("validation refuses a parser of another shape", () => {
  const throws = () => {
    throw new Error("no");
  };
  const shapes: [what: string, ...Parameters<typeof passes>][] = [
    ["no parser", { HTTPParser: undefined }],
    ["no methods of requests", { allMethods: undefined }],
    ["other methods of requests", { allMethods: ["GET"] }],
    ["a parser of responses", {}, { REQUEST: 2 }],
    ["no event of the head", {}, { kOnHeadersComplete: undefined }],
    ["another event of the body", {}, { kOnBody: 77 }],
    ["no event of the end", {}, { kOnMessageComplete: undefined }],
    ["no execute", {}, {}, { execute: undefined }],
    ["execute that returns nothing", {}, {}, { execute: () => undefined }],
    ["execute that throws", {}, {}, { execute: throws }],
    ["no close", {}, {}, { close: undefined }],
  ];
  assertEquals(passes({}), true);
  for (const [what, ...shape] of shapes) {
    assertEquals(passes(...shape), false, what);
  }
});
