/** For `deno run --preload`: a runtime with its documented API only. */

import "../activation/without_handles.ts";
import "./without_http_server.ts";

Object.getOwnPropertySymbols = () => [];
