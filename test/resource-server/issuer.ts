// An issuer of a few lines on a free loopback port: metadata, keys, introspection. It signs with `jose` directly, and says
// what a test tells it to, also what no honest issuer would.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const AUDIENCE = 'https://api.example.test';
export const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
export const PASSIVE = 'urn:selfie-oidc:acr:selfie';

type Claims = Record<string, unknown>;

export interface LocalIssuer {
  readonly url: string;
  /** what the next requests are answered with; a redirect leads to `/elsewhere` */
  readonly answers: { metadata: Claims | undefined; jwksStatus: number; introspectionStatus: number };
  /** opaque token → introspection answer */
  readonly opaque: Map<string, Claims>;
  /** path and Authorization header of each request */
  readonly requests: { path: string; authorization: string | undefined; body: string }[];
  /** A good token but for `claims` and `header`; `undefined` leaves a claim out. */
  sign(claims?: Claims, header?: Claims & { alg?: string }): Promise<string>;
  publicKey(alg: string): JWK;
  close(): Promise<void>;
}

/** Made once for a whole file of tests: RSA keys take their time. */
let madeKeys: Promise<{ privateKeys: Map<string, CryptoKey>; jwks: JWK[] }> | undefined;

async function makeKeys(): Promise<{ privateKeys: Map<string, CryptoKey>; jwks: JWK[] }> {
  const privateKeys = new Map<string, CryptoKey>();
  const jwks: JWK[] = [];
  for (const alg of ['RS256', 'ES256', 'EdDSA', 'PS256']) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    privateKeys.set(alg, privateKey);
    jwks.push({ ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' });
  }
  return { privateKeys, jwks };
}

export async function startIssuer(): Promise<LocalIssuer> {
  madeKeys ??= makeKeys();
  const { privateKeys, jwks } = await madeKeys;

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url ?? '';
    issuer.requests.push({ path, authorization: request.headers.authorization, body });
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' });
      response.end(JSON.stringify(value));
    };
    if (path === '/.well-known/openid-configuration') {
      return send(issuer.answers.metadata ? 200 : 500, issuer.answers.metadata ?? {});
    }
    if (path === '/jwks') return send(issuer.answers.jwksStatus, { keys: jwks });
    if (path === '/introspect') {
      const told = issuer.opaque.get(new URLSearchParams(body).get('token') ?? '');
      return send(issuer.answers.introspectionStatus, told ?? { active: false });
    }
    send(404, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;

  const issuer: LocalIssuer = {
    url,
    answers: {
      metadata: { issuer: url, jwks_uri: `${url}/jwks`, introspection_endpoint: `${url}/introspect` },
      jwksStatus: 200,
      introspectionStatus: 200,
    },
    opaque: new Map(),
    requests: [],
    async sign(claims = {}, { alg = 'RS256', ...header } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const payload: Claims = {
        iss: url,
        aud: AUDIENCE,
        sub: 'alice',
        client_id: 'shop',
        iat: now,
        exp: now + 600,
        jti: 'one',
        ...claims,
      };
      const key = privateKeys.get(alg) ?? new TextEncoder().encode(JSON.stringify(jwks[0]));
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg, kid: alg, typ: 'at+jwt', ...header })
        .sign(key, { crit: { strange: true } });
    },
    publicKey: (alg) => jwks.find((key) => key.kid === alg) ?? {},
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;
}

/** The parameters of a `Bearer` challenge, read as RFC 9110 §11.2 writes them. */
export function readChallenge(header: string | null): Record<string, string> {
  if (!header?.startsWith('Bearer ')) throw new Error(`no Bearer challenge: ${header}`);
  const parameters: Record<string, string> = {};
  const pattern = /(?:^Bearer |, )([a-z_]+)="((?:[^"\\]|\\.)*)"/gy;
  let end = 0;
  for (let match = pattern.exec(header); match; match = pattern.exec(header)) {
    parameters[match[1] ?? ''] = (match[2] ?? '').replace(/\\(.)/g, '$1');
    end = pattern.lastIndex;
  }
  if (end !== header.length) throw new Error(`not a challenge throughout: ${header}`);
  return parameters;
}
