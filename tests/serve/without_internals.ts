/** For `deno run --preload`: a runtime that has nothing but its documented API. */

import "../activation/without_handles.ts";
import "./without_http_server.ts";

Object.getOwnPropertySymbols = () => [];
