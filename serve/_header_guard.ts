import { innerResponse } from "../runtime/fetch_objects.ts";

/** The control characters but the tab, which `Headers` allows (RFC 9110, section 5.5). */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Sets a header of a response, also if its headers are immutable (`Response.redirect()`). */
export function setHeader(
  response: Response,
  name: Lowercase<string>,
  value: string,
): void {
  try {
    // Not the list of `innerResponse()`: Deno ignores that of an unread text.
    return response.headers.set(name, value);
  } catch {
    // Immutable.
  }
  const list = innerResponse(response)?.headerList ?? [];
  const at = list.findIndex(([each]) => each.toLowerCase() === name);
  if (at < 0) list.push([name, value]);
  else list[at] = [name, value];
}

/**
 * Checks that the headers of a response can be sent. Deno (2.9) ends the process for a
 * control character in one of them.
 *
 * @throws {TypeError} A header has a control character.
 */
export function checkHeaders(response: Response): void {
  // Reading `response.headers` would take up to a quarter of a small response.
  const list = innerResponse(response)?.headerList ?? [...response.headers];
  for (let i = 0; i < list.length; i++) {
    if (CONTROL.test(list[i]![1])) {
      throw new TypeError(
        `The handler returned a control character in the header "${
          list[i]![0]
        }"`,
      );
    }
  }
}
