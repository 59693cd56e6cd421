/** A request that no handler can be given, and the status that tells why. */
export class RefusedRequest extends Error {
  readonly status: 400 | 501;

  constructor(status: 400 | 501) {
    super(`Cannot handle the request: status ${status}`);
    this.status = status;
  }
}
