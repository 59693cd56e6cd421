// Requests of Deno's own server, where their internals have another shape. The HTTP suite
// has the others.

import { assertEquals, assertRejects } from "@std/assert";
import {
  headerOf,
  limitBody,
  passBodyThrough,
} from "../../runtime/native_request.ts";

const post = (body: string | null = "text") =>
  new Request("http://here/", {
    method: "POST",
    body,
    headers: { "x-y": "z" },
  });
const tooLong = () => new Error("It is too long");

Deno.test("a header is read by the documented API", () => {
  assertEquals(headerOf(post(), "x-y"), "z");
  assertEquals(headerOf(post(), "x-z"), null);
});

Deno.test("a body is limited in a copy of the request", async () => {
  const { method, url, signal } = limitBody(post(), 4, tooLong);
  assertEquals([method, url, signal.aborted], ["POST", "http://here/", false]);
  assertEquals(await limitBody(post(null), 3, tooLong).text(), "");
  const long = limitBody(post(), 3, tooLong);
  await assertRejects(() => long.text(), Error, "It is too long");
  // It may become that of a response.
  const response = new Response(limitBody(post(), 4, tooLong).body);
  passBodyThrough(response);
  assertEquals(await response.text(), "text");
});
