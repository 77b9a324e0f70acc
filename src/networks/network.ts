// Addresses and networks as numbers, so that tables can be sorted and searched. IPv4 fits a number, IPv6 needs a bigint, and
// the two never meet: an IPv4 address that came mapped into IPv6 is the IPv4 address, in a table as in a login.

import ipaddr from 'ipaddr.js';
import { normaliseAddress } from '../core/address.ts';

/** One address; `text` is its one spelling, see `normaliseAddress`. */
export type Address =
  | { readonly family: 4; readonly text: string; readonly value: number }
  | { readonly family: 6; readonly text: string; readonly value: bigint };

/** A network by its lowest address and the length of its prefix. */
export type Network =
  | { readonly family: 4; readonly first: number; readonly bits: number }
  | { readonly family: 6; readonly first: bigint; readonly bits: number };

const MAPPED_BITS = 96;

/** @returns undefined for what is no address */
export function readAddress(text: string): Address | undefined {
  const spelled = normaliseAddress(text);
  if (spelled === undefined) return undefined;
  if (!spelled.includes(':')) {
    return { family: 4, text: spelled, value: spelled.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) };
  }
  const value = ipaddr.IPv6.parse(spelled).parts.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n);
  return { family: 6, text: spelled, value };
}

/**
 * A network, or a bare address as a network of one. Bits beyond the prefix are dropped, as lists in the wild leave them in:
 * `192.0.2.7/24` is `192.0.2.0/24`.
 *
 * @returns undefined for what is no network, and for a prefix of length 0: it names everybody, so nobody can have meant it
 */
export function readNetwork(text: string): Network | undefined {
  const [base = '', length, ...rest] = text.split('/');
  const address = readAddress(base);
  if (address === undefined || rest.length > 0) return undefined;
  const most = address.family === 4 ? 32 : 128;
  const bits = length === undefined ? most : readLength(length, address.family === 4 && base.includes(':'));
  if (bits < 1 || bits > most) return undefined;
  if (address.family === 4) return { family: 4, first: address.value - (address.value % 2 ** (32 - bits)), bits };
  const beyond = BigInt(128 - bits);
  return { family: 6, first: (address.value >> beyond) << beyond, bits };
}

/** @returns 0, which no table takes, for what is no length */
function readLength(text: string, mapped: boolean): number {
  if (!/^\d{1,3}$/.test(text)) return 0;
  return mapped ? Number(text) - MAPPED_BITS : Number(text);
}
