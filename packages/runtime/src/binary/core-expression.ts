import { malformed, type Reader } from './reader.ts';

/** Skips one constant expression, up to and including its `end`. Only needed behind tables with an initialiser. */
export function skipConstantExpression(reader: Reader): void {
  for (;;) {
    reader.spend(1);
    const at = reader.at;
    const opcode = reader.byte();
    switch (opcode) {
      case 0x0b:
        return;
      case 0x23: // global.get
      case 0xd2: // ref.func
        reader.u32();
        break;
      case 0x41:
        reader.skipLeb(32);
        break;
      case 0x42:
        reader.skipLeb(64);
        break;
      case 0x43:
        reader.skip(4);
        break;
      case 0x44:
        reader.skip(8);
        break;
      case 0xd0: // ref.null
        reader.s33();
        break;
      case 0x6a: // i32 and i64 arithmetic of extended constant expressions
      case 0x6b:
      case 0x6c:
      case 0x7c:
      case 0x7d:
      case 0x7e:
        break;
      default:
        throw malformed(`unknown constant instruction 0x${opcode.toString(16)}`, at);
    }
  }
}
