/** The command line asks for something that the program does not understand. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
