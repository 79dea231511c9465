const BLOCK = 512;

/**
 * Finds one regular file in an uncompressed tar archive (ustar, GNU) by the last segment of its name.
 * Returns a view into the archive, or undefined; long-name extensions are skipped, links are never followed.
 */
export function findTarFile(archive: Uint8Array, baseName: string): Uint8Array | undefined {
  for (let offset = 0; offset + BLOCK <= archive.length;) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header[0] === 0) return undefined;
    const size = readOctal(header.subarray(124, 136));
    const start = offset + BLOCK;
    if (size === undefined || start + size > archive.length) return undefined;
    const type = header[156];
    const isFile = type === 0x30 || type === 0;
    if (isFile && readText(header.subarray(0, 100)).split('/').at(-1) === baseName) {
      return archive.subarray(start, start + size);
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function readText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('latin1');
}

function readOctal(field: Uint8Array): number | undefined {
  const text = readText(field).trim();
  return /^[0-7]{1,11}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}
