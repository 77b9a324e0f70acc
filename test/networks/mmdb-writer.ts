// Writes small MaxMind databases, after the format's specification and apart from the reader that is used by src/: a tree
// of one bit a level, the data behind it, the description at the end.
// https://maxmind.github.io/MaxMind-DB/

import { Buffer } from 'node:buffer';
import { isIPv4 } from 'node:net';

export type MmdbValue = string | number | boolean | readonly MmdbValue[] | { readonly [key: string]: MmdbValue };

export interface MmdbOptions {
  readonly type: string;
  /** network → record; a later one wins within an earlier one */
  readonly records: Readonly<Record<string, MmdbValue>>;
  readonly ipVersion?: 4 | 6;
  readonly recordSize?: 24 | 28 | 32;
  readonly majorVersion?: number;
}

type Leaf = { readonly record: number };
type Node = { readonly sides: [Side, Side] };
type Side = Leaf | Node | undefined;

/** The bytes of a database that tells `records` and nothing else. */
export function writeMmdb(options: MmdbOptions): Buffer {
  const { type, records, ipVersion = 6, recordSize = 24, majorVersion = 2 } = options;
  const root: Node = { sides: [undefined, undefined] };
  const data: Buffer[] = [];
  let dataLength = 0;
  for (const [network, value] of Object.entries(records)) {
    plant(root, bitsOf(network, ipVersion), { record: dataLength });
    const bytes = encode(value);
    data.push(bytes);
    dataLength += bytes.length;
  }
  const nodes: Node[] = [];
  number(root, nodes);
  const tree = nodes.map((node) => {
    const [left, right] = node.sides.map((side) => {
      if (side === undefined) return nodes.length;
      return 'record' in side ? nodes.length + 16 + side.record : nodes.indexOf(side);
    });
    return writeNode(left ?? 0, right ?? 0, recordSize);
  });
  const description = map([
    ['binary_format_major_version', unsigned(5, majorVersion)],
    ['binary_format_minor_version', unsigned(5, 0)],
    ['build_epoch', unsigned(9, 1_793_664_000)],
    ['database_type', encode(type)],
    ['description', encode({ en: 'made by a test' })],
    ['ip_version', unsigned(5, ipVersion)],
    ['languages', encode(['en'])],
    ['node_count', unsigned(6, nodes.length)],
    ['record_size', unsigned(5, recordSize)],
  ]);
  return Buffer.concat([
    ...tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    description,
  ]);
}

function plant(root: Node, bits: readonly (0 | 1)[], leaf: Leaf): void {
  let node = root;
  for (const bit of bits.slice(0, -1)) {
    const side = node.sides[bit];
    // what was a leaf becomes two of the same, one of which is divided further
    const next: Node = side !== undefined && 'sides' in side ? side : { sides: [side, side] };
    node.sides[bit] = next;
    node = next;
  }
  const last = bits.at(-1);
  if (last === undefined) throw new Error('a network of length 0');
  node.sides[last] = leaf;
}

function number(node: Node, nodes: Node[]): void {
  nodes.push(node);
  for (const side of node.sides) if (side !== undefined && 'sides' in side) number(side, nodes);
}

/** IPv4 lies under 96 zeros of an IPv6 tree. */
function bitsOf(network: string, ipVersion: 4 | 6): (0 | 1)[] {
  const [base = '', length = ''] = network.split('/');
  const bytes = isIPv4(base) ? base.split('.').map(Number) : ipv6Bytes(base);
  const bits = bytes.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((at) => ((byte >> at) & 1) as 0 | 1));
  const kept = bits.slice(0, Number(length));
  return isIPv4(base) && ipVersion === 6 ? [...Array<0>(96).fill(0), ...kept] : kept;
}

function ipv6Bytes(text: string): number[] {
  const [left = '', right] = text.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const filled = right === undefined ? [] : Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  return [...groups(left), ...filled, ...groups(right)].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function writeNode(left: number, right: number, recordSize: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(recordSize / 4);
  if (recordSize === 32) {
    bytes.writeUInt32BE(left, 0);
    bytes.writeUInt32BE(right, 4);
    return bytes;
  }
  bytes.writeUIntBE(left & 0xffffff, 0, 3);
  bytes.writeUIntBE(right & 0xffffff, recordSize === 24 ? 3 : 4, 3);
  // the middle byte has the upper four bits of both
  if (recordSize === 28) bytes.writeUInt8(((left >>> 24) << 4) | (right >>> 24), 3);
  return bytes;
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.length), bytes]);
  }
  if (typeof value === 'boolean') return control(14, value ? 1 : 0);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control(3, 8), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  return map(Object.entries(value).map(([key, field]) => [key, encode(field)]));
}

function map(fields: readonly (readonly [string, Buffer])[]): Buffer {
  return Buffer.concat([control(7, fields.length), ...fields.flatMap(([key, bytes]) => [encode(key), bytes])]);
}

function unsigned(type: 5 | 6 | 9, value: number): Buffer {
  const hex = value.toString(16);
  const bytes = value === 0 ? Buffer.alloc(0) : Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([control(type, bytes.length), bytes]);
}

/** Types above 7 stand in a second byte; sizes from 29 on in further ones. */
function control(type: number, size: number): Buffer {
  if (size >= 285) throw new Error('larger than a test needs');
  const short = Math.min(size, 29);
  const head = type <= 7 ? [(type << 5) | short] : [short, type - 7];
  return Buffer.from(size >= 29 ? [...head, size - 29] : head);
}
