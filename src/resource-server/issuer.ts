// What a resource server has to ask the issuer: where its keys are, and what an opaque token means. Every fault of the way
// there is `IssuerUnavailable`, so that it cannot be taken for a fault of the token.

const TIMEOUT_MS = 5000;

/** The issuer does not answer, or not as it should: nothing is known about the token. */
export class IssuerUnavailable extends Error {
  readonly code = 'issuer_unavailable';
}

export interface IssuerMetadata {
  readonly jwksUri: URL;
  readonly introspectionEndpoint: URL | undefined;
}

/**
 * Reads `/.well-known/openid-configuration` at the first use. What was read is kept; a failure is not, so the next request
 * tries again, and requests that come at the same time share one try.
 */
export function createDiscovery(issuer: string): () => Promise<IssuerMetadata> {
  let reading: Promise<IssuerMetadata> | undefined;
  return () => {
    reading ??= discover(issuer).catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
}

async function discover(issuer: string): Promise<IssuerMetadata> {
  const document = await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  // OpenID Connect Discovery §4.3: else a document of somebody else's names the keys that are believed.
  if (document.issuer !== issuer) throw new IssuerUnavailable('the metadata are of another issuer');
  const { jwks_uri: jwksUri, introspection_endpoint: introspection } = document;
  if (typeof jwksUri !== 'string') throw new IssuerUnavailable('the metadata name no keys');
  return {
    jwksUri: readAddress(jwksUri),
    introspectionEndpoint: typeof introspection === 'string' ? readAddress(introspection) : undefined,
  };
}

function readAddress(text: string): URL {
  if (!isProtected(text)) throw new IssuerUnavailable('the metadata name an address that is not https');
  return new URL(text);
}

/** https, or a loopback address: whoever can change the answers on the way makes tokens of their own. */
export function isProtected(address: string): boolean {
  const url = URL.parse(address);
  const isLoopback = /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url?.hostname ?? '');
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback);
}

/** @throws IssuerUnavailable for no answer in time, a redirect, any status but 200, or an answer that is no JSON object */
export async function fetchJson(url: URL, init: RequestInit = {}): Promise<Readonly<Record<string, unknown>>> {
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { accept: 'application/json', ...init.headers },
    });
    const answer: unknown = response.status === 200 ? await response.json() : undefined;
    if (typeof answer !== 'object' || answer === null) throw new Error(`no JSON object, status ${response.status}`);
    return answer as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new IssuerUnavailable(`${url.origin} gave no usable answer`, { cause });
  }
}
