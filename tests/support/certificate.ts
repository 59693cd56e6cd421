/** A certificate for `localhost` and 127.0.0.1 that signs itself; test material. */
export const CERT = read("test_only_cert.pem");

/** Its key, which is anything but secret. */
export const KEY = read("test_only_key.pem");

/** Another certificate and key for the same names, as after a renewal. */
export const RENEWED_CERT = read("test_only_renewed_cert.pem");
export const RENEWED_KEY = read("test_only_renewed_key.pem");

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, import.meta.url));
}
