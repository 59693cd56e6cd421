/** In place of `serve/_header_guard.ts`: marks each response that it has checked. */

import {
  checkHeaders as check,
  setHeader,
} from "../../serve/_header_guard.ts?";

export { setHeader };

export function checkHeaders(response: Response): void {
  check(response);
  setHeader(response, "x-checked", "yes");
}
