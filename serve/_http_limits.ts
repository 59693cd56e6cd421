/**
 * The time for which a connection stays open when the service stops, after its last
 * response, or from the start of the drain if it is idle, in milliseconds: the client may
 * have sent another request.
 */
export const GRACE_MS = 250;

/**
 * The time in which a client must finish a request that has its response, and must read
 * the last response, in milliseconds.
 */
export const LINGER_MS = 5_000;

/** The time that a client has for its headers, in milliseconds. */
export const HEADERS_TIMEOUT_MS = 60_000;

/** The interval at which that time is checked, in milliseconds. */
export const HEADERS_CHECK_MS = 1_000;
