import { createServer } from "node:http";
// @ts-types="@types/express"
import express from "express";
import { serveNode } from "@ipc/ipc";

const app = express();
app.get("/", (_request, response) => {
  response.send("hello from express\n");
});

await serveNode(() => createServer(app), { fallback: { port: 8080 } });
