// The first middleware of all (T22). It decides whose word counts about where a request came from, and leaves one truth
// for everything behind it: the client's address, and ISSUER as the only scheme and host that addresses are built from.
//
// Koa and oidc-provider build addresses and decide on Secure cookies from Host and X-Forwarded-*, which anybody can send.
// So all of those are removed and our own values put in their place. Both applications must run with `proxy = true`
// (app.ts sets it on the outer one and on the Provider): the X-Forwarded-* they then believe are the ones written here.

import type { IncomingHttpHeaders } from 'node:http';
import type { Middleware } from 'koa';
import { addressWithin, normaliseAddress } from '../../core/address.ts';
import { requestState } from './request-state.ts';

/**
 * `TRUST_PROXY`: how many proxies stand in front, or which networks they are in; undefined means none. A number believes
 * whoever connects, so nobody but the proxy may reach the port; networks check who connects.
 */
export type TrustProxy = { readonly hops: number } | { readonly cidrs: readonly string[] } | undefined;

/** Headers that say where a request came from, or what was asked for before a proxy rewrote it. */
const FORWARDING =
  /^(?:forwarded|via|x-forwarded|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/;
const REWRITING = /^(?:x-original-.*|x-rewrite-url|x-http-method(?:-override)?|x-method-override)$/;

/** An address of nobody: a socket that is already gone, or a Unix socket. Never private, never trusted. */
const NOWHERE = '0.0.0.0';

/**
 * Sets `ctx.state.clientAddress`, `.peerTrusted`, `.forwarding`, `.viaPublicName`; makes `ctx.href` ISSUER's origin plus
 * the request's path whatever Host, X-Forwarded-* or an absolute-form target say. Answers 400 to a target that is no path.
 *
 * @param options.issuer absolute; only its scheme, host and port are used
 */
export function trustedProxy(options: { readonly issuer: string; readonly trust: TrustProxy }): Middleware {
  const issuer = new URL(options.issuer);
  const { host } = issuer;
  const protocol = issuer.protocol.replace(':', '');

  return function trustedProxyMiddleware(ctx, next) {
    const { req } = ctx;
    const { headers } = req;
    const state = requestState(ctx);
    const peer = normaliseAddress(req.socket.remoteAddress ?? '') ?? NOWHERE;
    state.peerTrusted = trusts(options.trust, peer);
    state.clientAddress = clientAddress(options.trust, peer, headers['x-forwarded-for']);
    state.viaPublicName = headers.host === host || hostOf(headers.host) === issuer.hostname;

    state.forwarding = 'none';
    for (const name of Object.keys(headers)) {
      const isForwarding = FORWARDING.test(name);
      if (isForwarding) state.forwarding = state.peerTrusted ? 'trusted' : 'untrusted';
      if (isForwarding || REWRITING.test(name)) delete headers[name];
    }
    imposeOrigin(headers, { protocol, host, clientAddress: state.clientAddress });

    const target = originForm(req.url ?? '');
    // "*" or another form glued to the host would make a different host of it ("https://idp.example*")
    if (target === undefined) {
      ctx.status = 400;
      ctx.body = 'bad request target\n';
      return;
    }
    req.url = target;
    ctx.originalUrl = target;
    ctx.request.originalUrl = target;
    return next();
  };
}

/**
 * The client's address: from the right of X-Forwarded-For, as each proxy appends the peer it saw and everything further
 * left is the client's own claim.
 */
export function clientAddress(trust: TrustProxy, peer: string, forwardedFor: string | string[] | undefined): string {
  if (!trusts(trust, peer)) return peer;
  const claimed = [forwardedFor ?? []].flat().join(',').split(',').reverse();
  let address = peer;
  let hop = 1;
  for (const entry of claimed) {
    const next = readEntry(entry);
    // what cannot be read ends the chain at the last hop that is known
    if (next === undefined) break;
    address = next;
    if (trust !== undefined && 'hops' in trust ? hop >= trust.hops : !trusts(trust, address)) break;
    hop += 1;
  }
  return address;
}

function trusts(trust: TrustProxy, address: string): boolean {
  if (trust === undefined) return false;
  return 'hops' in trust ? trust.hops > 0 : addressWithin(address, trust.cidrs);
}

/** One entry of X-Forwarded-For; some proxies add the port. */
function readEntry(entry: string): string | undefined {
  const text = entry.trim();
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1];
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1];
  return normaliseAddress(bracketed ?? withPort ?? text);
}

function imposeOrigin(
  headers: IncomingHttpHeaders,
  origin: { readonly protocol: string; readonly host: string; readonly clientAddress: string },
): void {
  headers.host = origin.host;
  headers['x-forwarded-host'] = origin.host;
  headers['x-forwarded-proto'] = origin.protocol;
  headers['x-forwarded-for'] = origin.clientAddress;
}

/** The path and query of a request target, also of an absolute one; undefined for what is neither. */
function originForm(target: string): string | undefined {
  if (target.startsWith('/')) return target;
  if (!/^https?:\/\//i.test(target)) return undefined;
  const url = URL.parse(target);
  return url === null ? undefined : url.pathname + url.search;
}

function hostOf(header: string | undefined): string | undefined {
  return URL.parse(`http://${header ?? ''}`)?.hostname;
}
