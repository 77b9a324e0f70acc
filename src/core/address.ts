// Network addresses as values: one spelling for each, the prefix that limits count by, and whether two are the same
// household. Used before a login (who is asking, T22), while limits are kept (T17), and when the capture is compared with
// the login (T2). Pure: text in, text or a truth value out.

import ipaddr from 'ipaddr.js';
import { remembered } from './memo.ts';

/** The prefix of what is no address. */
export const UNKNOWN_PREFIX = 'unknown';

type Address = ReturnType<typeof ipaddr.process>;

/** Read several times with every request, and from the same few browsers and proxies. */
const REMEMBERED = 1000;

const parse = remembered((text: string): Address | undefined => {
  // a zone id names an interface of ours, not a place on the network
  const bare = text.trim().replace(/%.*$/, '');
  // only the four-part form: "1", "0x7f.1" and "010.0.0.1" mean different hosts to different parsers
  if (!bare.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(bare)) return undefined;
  try {
    return ipaddr.process(bare);
  } catch {
    return undefined;
  }
}, REMEMBERED);

/**
 * The one spelling of an address: IPv4 in four parts (also when it came mapped into IPv6), IPv6 as RFC 5952 has it.
 *
 * @returns undefined for what is no address
 */
export function normaliseAddress(text: string): string | undefined {
  return parse(text)?.toString();
}

/**
 * The network that limits are counted by: /24 of IPv4, /48 of IPv6, as one household or hoster can fill its own with
 * addresses (T17). What is no address shares the prefix `unknown`, so that it cannot escape a limit.
 */
export function addressPrefix(text: string): string {
  const address = parse(text);
  if (address === undefined) return UNKNOWN_PREFIX;
  const bits = address.kind() === 'ipv4' ? 24 : 48;
  return `${networkOf(address, bits)}/${bits}`;
}

/** What one place may have of addresses: an IPv4 address, a /64 of IPv6. What is no address shares the place `unknown`. */
export function household(text: string): string {
  const address = parse(text);
  if (address === undefined) return 'unknown';
  return address.kind() === 'ipv4' ? address.toString() : `${networkOf(address, 64)}/64`;
}

/**
 * Whether two addresses are the same place: exactly equal, or in one /64 of IPv6, as devices change the lower half by
 * themselves. Families that differ are never the same, and neither is what cannot be read.
 */
export function sameAddress(a: string, b: string): boolean {
  const first = parse(a);
  const second = parse(b);
  if (first === undefined || second === undefined || first.kind() !== second.kind()) return false;
  if (first.kind() === 'ipv4') return first.toString() === second.toString();
  return networkOf(first, 64) === networkOf(second, 64);
}

/** Whether an address is loopback, private (RFC 1918), unique local or link-local: reachable from inside only. */
export function isPrivateAddress(text: string): boolean {
  const range = parse(text)?.range();
  return range === 'loopback' || range === 'private' || range === 'uniqueLocal' || range === 'linkLocal';
}

/** Whether an address lies in one of these networks; a bare address counts as a network of one. */
export function addressWithin(text: string, networks: readonly string[]): boolean {
  const address = parse(text);
  if (address === undefined) return false;
  return networks.some((network) => {
    const range = parseNetwork(network);
    return range !== undefined && range[0].kind() === address.kind() && address.match(range);
  });
}

/** Whether text is a network (`10.0.0.0/8`, `fd00::/8`) or a bare address: for settings that list either. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

function parseNetwork(text: string): [Address, number] | undefined {
  const [base = '', bits, ...rest] = text.trim().split('/');
  const address = parse(base);
  if (address === undefined || rest.length > 0) return undefined;
  const most = address.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return [address, most];
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return undefined;
  return [address, Number(bits)];
}

function networkOf(address: Address, bits: number): string {
  const bytes = address.toByteArray().map((byte, at) => {
    const kept = Math.min(8, Math.max(0, bits - at * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return ipaddr.fromByteArray(bytes).toString();
}
