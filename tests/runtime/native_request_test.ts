// Requests of Deno's own server, where their internals have another shape. The HTTP suite
// has the others.

import { assertEquals, assertRejects } from "@std/assert";
import {
  forbidUpgrade,
  headerOf,
  limitBody,
  passBodyThrough,
} from "../../runtime/native_request.ts";

const post = () =>
  new Request("http://here/", { method: "POST", body: "text" });
const tooLong = () => new Error("It is too long");

Deno.test("a header is read by the documented API", () => {
  const request = new Request("http://here/", { headers: { "x-y": "z" } });
  assertEquals([headerOf(request, "x-y"), headerOf(request, "x-z")], [
    "z",
    null,
  ]);
});

Deno.test("an upgrade that cannot be forbidden changes nothing", () => {
  const request = post();
  forbidUpgrade(request, () => {
    throw new Error("It is forbidden");
  });
  assertEquals(request.method, "POST");
});

Deno.test("a body is limited in a copy of the request", async () => {
  assertEquals(await limitBody(post(), 4, tooLong).text(), "text");
  const { method, url, signal } = limitBody(post(), 4, tooLong);
  assertEquals([method, url, signal.aborted], ["POST", "http://here/", false]);
  const long = limitBody(post(), 3, tooLong);
  await assertRejects(() => long.text(), Error, "It is too long");
  const without = new Request("http://here/", { method: "POST" });
  assertEquals(await limitBody(without, 3, tooLong).text(), "");
});

Deno.test("the limited body of a request may become that of a response", async () => {
  const response = new Response(limitBody(post(), 4, tooLong).body);
  passBodyThrough(response);
  assertEquals(await response.text(), "text");
});
