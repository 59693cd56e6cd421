import { ready } from "../../../mod.ts";

await ready();
