import { assertEquals } from "@std/assert";
import { booted } from "../../mod.ts";

Deno.test("booted agrees with systemd-notify --booted", async () => {
  const { success } = await new Deno.Command("systemd-notify", {
    args: ["--booted"],
  }).output();
  assertEquals(booted(), success);
});
