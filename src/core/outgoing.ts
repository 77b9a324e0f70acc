// Which addresses a request of ours may reach when somebody else named the URL: a picture in a vendor's decision, a
// client's `jwks_uri` or logout endpoint. Without this, such a URL reads the cloud's metadata service or a database next
// door for whoever wrote it (SSRF). Resolving and connecting are the caller's, who must connect to the very address that
// was judged: a name may resolve differently the second time (DNS rebinding).

import ipaddr from 'ipaddr.js';

export interface OutgoingPolicy {
  /**
   * @param hostname as in the URL (brackets of an IPv6 literal may stay)
   * @param address  what it resolved to, or the literal itself
   */
  permits(hostname: string, address: string): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Only special-use addresses are refused, and of those not the ones the operator runs inside.
 *
 * @param allow host names (exact), addresses or CIDRs, as in `OUTGOING_ALLOW`
 * @throws TypeError for an entry that is none of these
 */
export function createOutgoingPolicy(allow: readonly string[]): OutgoingPolicy {
  const hosts = new Set<string>();
  const networks: [Address, number][] = [];
  for (const entry of allow) {
    const text = bare(entry.trim());
    const network = readNetwork(text);
    if (network !== undefined) networks.push(network);
    else if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/.test(text)) hosts.add(text.replace(/\.$/, ''));
    else throw new TypeError(`neither a host name nor an address nor a CIDR: ${entry}`);
  }
  return {
    permits(hostname, address) {
      const parsed = readAddress(address);
      if (parsed === undefined) return false;
      if (!isSpecialUse(address)) return true;
      if (hosts.has(bare(hostname).replace(/\.$/, ''))) return true;
      return networks.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
    },
  };
}

/**
 * True for what is not a public unicast address: private, loopback, link-local, carrier NAT, multicast, documentation,
 * tunnels, and anything that is no address. An IPv4 address wrapped in IPv6 (mapped, NAT64) is judged by what it wraps.
 */
export function isSpecialUse(address: string): boolean {
  const parsed = readAddress(address);
  if (parsed === undefined) return true;
  if (parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST, 3)) return true;
  return parsed.range() !== 'unicast';
}

/** True for `localhost` and loopback literals, by name alone: the one place where http is fit to use. */
export function isLoopbackHost(hostname: string): boolean {
  const host = bare(hostname);
  return host === 'localhost' || isLoopbackAddress(host);
}

/** True for 127.0.0.0/8, ::1 and their wrapped forms. */
export function isLoopbackAddress(address: string): boolean {
  return readAddress(address)?.range() === 'loopback';
}

/** All public IPv6 lies in here; what is outside is special, reserved, or a wrapped form nobody should use any more. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const NAT64 = ipaddr.IPv6.parse('64:ff9b::');

function readAddress(text: string): Address | undefined {
  const plain = bare(text).replace(/%.*$/, '');
  // four decimal parts only: "0177.1" and "2130706433" are addresses to some resolvers
  const v4 = ipaddr.IPv4.isValidFourPartDecimal(plain);
  if (!v4 && !ipaddr.IPv6.isValid(plain)) return undefined;
  const address = ipaddr.parse(plain);
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (address.match(NAT64, 96)) return new ipaddr.IPv4(address.toByteArray().slice(12));
  return address;
}

function readNetwork(text: string): [Address, number] | undefined {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const address = readAddress(text);
  return address === undefined ? undefined : [address, address.kind() === 'ipv4' ? 32 : 128];
}

function bare(hostname: string): string {
  return hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}
