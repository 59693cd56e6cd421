/** The HTTP behaviour of `serve()`, and of `Deno.serve()`. */

import "./http_request_cases.ts";
import "./http_response_cases.ts";
import "./http_connection_cases.ts";

export { casesOf, kindOf, type ServerName } from "./http_case.ts";
