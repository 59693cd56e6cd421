/**
 * `recover_denort.ts PROGRAM TARGET`: removes the payload of PROGRAM, which
 * `deno compile` made, and writes its runtime base, `denort`, to TARGET.
 *
 * `deno compile` keeps every byte of the base behind the 64-byte ELF header,
 * appends its payload, and makes the header point there. The base is therefore the
 * program cut at its original length, with the original values of five header fields.
 *
 * @module
 */

/** The base of Deno 2.9.4 for x86-64 Linux. */
const BASE = {
  size: 107_594_120,
  programHeaders: { offset: 64n, count: 12 },
  sectionHeaders: { offset: 107_591_688n, count: 38, namesIndex: 37 },
};

/** Offsets of fields in the header of a 64-bit ELF file, elf(5). */
const ELF64 = { phoff: 32, shoff: 40, phnum: 56, shnum: 60, shstrndx: 62 };

function removePayload(
  program: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const base = program.subarray(0, BASE.size);
  const header = new DataView(base.buffer, base.byteOffset, 64);
  header.setBigUint64(ELF64.phoff, BASE.programHeaders.offset, true);
  header.setUint16(ELF64.phnum, BASE.programHeaders.count, true);
  header.setBigUint64(ELF64.shoff, BASE.sectionHeaders.offset, true);
  header.setUint16(ELF64.shnum, BASE.sectionHeaders.count, true);
  header.setUint16(ELF64.shstrndx, BASE.sectionHeaders.namesIndex, true);
  return base;
}

function fail(message: string): never {
  console.error(`toolchain: ${message}`);
  Deno.exit(1);
}

async function main([program, target]: string[]): Promise<void> {
  if (program === undefined || target === undefined) {
    fail("usage: recover_denort.ts PROGRAM TARGET");
  }
  const bytes = await Deno.readFile(program);
  if (bytes.length < BASE.size) {
    fail(
      `cannot recover denort: the program has ${bytes.length} bytes, and ` +
        `the runtime base alone has ${BASE.size}`,
    );
  }
  await Deno.writeFile(target, removePayload(bytes), { mode: 0o755 });
}

if (import.meta.main) await main(Deno.args);
