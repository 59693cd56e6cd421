// What the library reads of a Response, on this Deno.

import { assertEquals } from "@std/assert";
import { completeBody, innerResponse } from "../../runtime/fetch_objects.ts";

Deno.test("the body of a response is known only while all of it is in memory", async () => {
  const bytes = new Uint8Array([1, 2]);
  for (const body of ["text", bytes]) {
    assertEquals(completeBody(new Response(body)), body);
  }
  assertEquals(completeBody(Response.json({ a: 1 })), '{"a":1}');
  assertEquals(completeBody(new Response(null)), undefined);
  assertEquals(completeBody(new Response(new Blob(["x"]))), undefined);
  const streamed = new Response("text");
  const { body } = streamed;
  assertEquals(completeBody(streamed), undefined);
  await body!.cancel();
});

Deno.test("the header list of a response follows its headers", () => {
  const lists = [
    new Response("a", { headers: { "content-type": "b" } }),
    new Response("a"),
    new Response(new ReadableStream()),
    Response.json({}),
  ].map((response) => {
    response.headers.set("x", "y");
    return innerResponse(response)!.headerList.at(-1);
  });
  assertEquals(lists, Array(4).fill(["x", "y"]));
});

Deno.test("the body of a fetched response that was compressed counts as decoded", async () => {
  const zipped = new Response("text").body!.pipeThrough(
    new CompressionStream("gzip"),
  );
  const bytes = await new Response(zipped).bytes();
  await using server = Deno.serve(
    { port: 0, onListen() {} },
    () => new Response(bytes, { headers: { "content-encoding": "gzip" } }),
  );
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`);
  assertEquals(innerResponse(response)!.bodyDecoded, true);
  const copy = response.clone();
  assertEquals(innerResponse(copy)!.bodyDecoded, true);
  assertEquals(await Promise.all([response.text(), copy.text()]), [
    "text",
    "text",
  ]);
});
