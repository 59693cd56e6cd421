const [path] = Deno.args;
for await (const conn of Deno.listen({ transport: "unix", path: path! })) {
  echo(conn).catch(() => {});
}

async function echo(conn: Deno.Conn): Promise<void> {
  using _ = conn;
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    for (let sent = 0; sent < count;) {
      sent += await conn.write(buffer.subarray(sent, count));
    }
  }
}
