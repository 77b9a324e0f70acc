// Hosts and addresses in settings: what is this machine itself, what is special-use, which hosts an operator let
// through. Only literal names and addresses are judged here; what a name resolves to is judged when a request goes out.

import ipaddr from 'ipaddr.js';

/** `localhost`, any name below it, 127.0.0.0/8 and ::1, as a URL writes them (IPv6 in brackets) or bare. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback';
}

/** True for an address that is not of the public Internet, and for names that stand for one. */
export function isSpecialUseHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (isLoopbackHost(bare)) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() !== 'unicast';
}

/** An address range, or undefined when the text is none. A single address is a range of one. */
export function readRange(text: string): { cidr: string; bits: number } | undefined {
  if (ipaddr.isValidCIDR(text)) {
    const [, bits] = ipaddr.parseCIDR(text);
    return { cidr: text, bits };
  }
  // Node's own short forms ("127.1", "0x7f.1") are addresses too for this parser: only the plain spelling is taken.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.parse(text);
  const bits = address.kind() === 'ipv4' ? 32 : 128;
  return { cidr: `${text}/${bits}`, bits };
}

export function isHostName(text: string): boolean {
  if (text.length > 253 || /^[0-9.]+$/.test(text)) return false;
  return text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

/** Whether `OUTGOING_ALLOW` names this host: by name, or by a range that holds its literal address. */
export function isAllowedOutgoing(host: string, allowed: readonly string[]): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return allowed.some((entry) => {
    if (entry.toLowerCase() === bare) return true;
    if (!ipaddr.isValid(bare) || !ipaddr.isValidCIDR(entry)) return false;
    const address = ipaddr.process(bare);
    const [network, bits] = ipaddr.parseCIDR(entry);
    return network.kind() === address.kind() && address.match(network, bits);
  });
}
