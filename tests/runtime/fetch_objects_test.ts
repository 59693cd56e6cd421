// What the library reads of a Response, and the Request that it makes, on this Deno.

import { assertEquals, assertThrows } from "@std/assert";
import { innerResponse, requestOnDemand } from "../../runtime/fetch_objects.ts";

Deno.test("the header list of a response follows its headers", () => {
  for (
    const response of [
      new Response("a", { headers: { "content-type": "b" } }),
      new Response("a"),
      new Response(new ReadableStream()),
      Response.json({}),
    ]
  ) {
    response.headers.set("x", "y");
    assertEquals(innerResponse(response)!.headerList.at(-1), ["x", "y"]);
  }
});

Deno.test("a program that replaces the globals changes nothing", async () => {
  const { Request, Response } = globalThis;
  // Loaded anew: nothing has read the objects yet.
  const module = "../../runtime/fetch_objects.ts?anew";
  const anew: typeof import("../../runtime/fetch_objects.ts") = await import(
    module
  );
  try {
    Object.assign(globalThis, { Request: class {}, Response: class {} });
    assertEquals(anew.innerResponse(new Response("a"))?.status, 200);
    assertEquals(anew.innerRequest(new Request("a:b")) === undefined, false);
  } finally {
    Object.assign(globalThis, { Request, Response });
  }
});

Deno.test("a request on demand makes its headers once, and can be copied", async () => {
  let calls = 0;
  let disconnect = () => {};
  const request = requestOnDemand({
    method: "PUT",
    url: () => "http://localhost/a",
    headers() {
      calls++;
      return [["x-y", "z"]];
    },
    body: () => new Blob(["body"]).stream(),
    onDisconnect: (callback) => disconnect = callback,
  })!;
  const { url, method } = request;
  assertEquals([url, method, calls], ["http://localhost/a", "PUT", 0]);
  assertEquals([...request.headers], [["x-y", "z"]]);
  assertThrows(() => request.headers.set("x-z", "1"), TypeError, "immutable");
  const clone = request.clone();
  const copy = new Request(request, { headers: { a: "b" } });
  assertEquals([await clone.text(), await copy.text()], ["body", "body"]);
  assertEquals([clone.headers.get("x-y"), copy.headers.get("a")], ["z", "b"]);
  disconnect();
  for (const { signal } of [request, clone, copy]) {
    assertEquals([signal.aborted, signal.reason.name], [true, "AbortError"]);
  }
  assertEquals(calls, 1);
});
