import type { CoreDefinedExtent, CoreModuleInfo, CoreSection } from './core-module.ts';

const memorySection = 5;
const tableSection = 4;

function writeU32(value: number, into: number[]): void {
  let rest = value;
  while (rest > 0x7f) {
    into.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  into.push(rest);
}

/** The maximum for a memory or table that starts with `min` pages or elements. */
type MaxOf = (min: number) => number;

function encodeExtent(extent: CoreDefinedExtent, maxOf: MaxOf): number[] {
  const bytes = [0x01];
  writeU32(extent.min, bytes);
  const max = maxOf(extent.min);
  writeU32(Math.min(extent.max ?? max, max), bytes);
  return bytes;
}

/** The section with every extent in it rewritten to a maximum of at most `maxOf`; the rest is copied. */
function rewriteSection(
  bytes: Uint8Array,
  section: CoreSection,
  extents: readonly CoreDefinedExtent[],
  maxOf: MaxOf,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = section.start;
  for (const extent of extents) {
    if (extent.at < section.start || extent.end > section.end) continue;
    parts.push(bytes.subarray(at, extent.at), Uint8Array.from(encodeExtent(extent, maxOf)));
    at = extent.end;
  }
  parts.push(bytes.subarray(at, section.end));
  const header = [section.id];
  writeU32(
    parts.reduce((sum, part) => sum + part.length, 0),
    header,
  );
  return [Uint8Array.from(header), ...parts];
}

/**
 * A core module between two offsets with a maximum written into each memory and table it defines. Nothing else
 * changes, so a component cannot tell, apart from a growth that fails earlier.
 */
export function capCoreModule(
  bytes: Uint8Array,
  start: number,
  end: number,
  info: CoreModuleInfo,
  caps: { readonly maxPages: MaxOf; readonly maxElements: MaxOf },
): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = start;
  for (const section of info.sections) {
    const isMemory = section.id === memorySection;
    if (!isMemory && section.id !== tableSection) continue;
    parts.push(bytes.subarray(at, section.at));
    parts.push(
      ...(isMemory
        ? rewriteSection(bytes, section, info.memories, caps.maxPages)
        : rewriteSection(bytes, section, info.tables, caps.maxElements)),
    );
    at = section.end;
  }
  if (parts.length === 0) return bytes.subarray(start, end);
  parts.push(bytes.subarray(at, end));
  return Buffer.concat(parts);
}
