export default {
  fetch: (_request) => new Response("Hello, World!"),
} satisfies Deno.ServeDefaultExport;
