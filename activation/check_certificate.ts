/**
 * Checks that a certificate and a key can be used, and belong together: the
 * server of `node:tls` would find out from its first peer.
 *
 * @throws {Deno.errors.InvalidData} They cannot, or do not.
 */
export async function checkCertificate(
  cert: string,
  key: string,
): Promise<void> {
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  const certificate = parse("certificate", () => new X509Certificate(cert));
  const privateKey = parse("private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Deno.errors.InvalidData(
      "Cannot use the certificate: the private key belongs to another one",
    );
  }
}

function parse<T>(what: string, parser: () => T): T {
  try {
    return parser();
  } catch (cause) {
    const error = new Deno.errors.InvalidData(
      `Cannot parse the ${what}: it is not in PEM format`,
    );
    error.cause = cause;
    throw error;
  }
}
