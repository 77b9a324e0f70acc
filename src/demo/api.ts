// An example API: a resource server that wants more for one thing than for another. It knows the provider by its issuer and
// nothing else, and neither cookies nor the demo client in whose process it happens to run: what counts is the token.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createTokenCheck } from '../resource-server/check.ts';
import { atLeast } from '../resource-server/ladder.ts';
import type { AccessToken } from '../resource-server/need.ts';
import { requireNodeToken } from '../resource-server/node.ts';

const OPENING_BALANCE = 1000;
const ACCOUNTS_LIMIT = 1000;
const BODY_LIMIT = 1024;

/** Who moves money has shown an active selfie within the last five minutes, and the client was allowed to ask for it. */
const TRANSFER_NEED = {
  scope: ['payments'],
  acr: atLeast('urn:selfie-oidc:acr:selfie-active'),
  maxAgeSeconds: 300,
};

/** @param settings.audience address of this API; its paths are below */
export function createDemoApi(settings: {
  readonly issuer: string;
  readonly audience: string;
}): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const check = createTokenCheck(settings);
  const base = new URL(settings.audience).pathname;
  const balances = new Map<string, number>();
  const balanceOf = ({ sub }: AccessToken) => balances.get(sub) ?? OPENING_BALANCE;

  const resources: Readonly<Record<string, Resource>> = {
    [`GET ${base}/balance`]: {
      guard: requireNodeToken(check, {}),
      answer: async (token) => ({ status: 200, body: { balance: balanceOf(token) } }),
    },
    [`POST ${base}/transfer`]: {
      guard: requireNodeToken(check, TRANSFER_NEED),
      async answer(token, request) {
        const amount = await readAmount(request);
        if (amount === undefined) return { status: 400, body: { error: 'invalid_amount' } };
        const balance = balanceOf(token) - amount;
        if (balance < 0) return { status: 409, body: { error: 'insufficient_funds', balance: balanceOf(token) } };
        balances.delete(token.sub);
        balances.set(token.sub, balance);
        const [oldest] = balances.keys();
        if (balances.size > ACCOUNTS_LIMIT && oldest !== undefined) balances.delete(oldest);
        return { status: 200, body: { transferred: amount, balance } };
      },
    },
  };

  return async (request, response) => {
    const path = request.url?.split('?')[0];
    const resource = resources[`${request.method} ${path}`];
    if (!resource) {
      const allowed = ['GET', 'POST'].filter((method) => resources[`${method} ${path}`]);
      if (allowed.length > 0) response.setHeader('allow', allowed.join(', '));
      return send(response, allowed.length > 0 ? 405 : 404, {});
    }
    const token = await resource.guard(request, response);
    if (!token) return;
    const { status, body } = await resource.answer(token, request);
    send(response, status, body);
  };
}

interface Resource {
  readonly guard: ReturnType<typeof requireNodeToken>;
  answer(token: AccessToken, request: IncomingMessage): Promise<{ readonly status: number; readonly body: object }>;
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

/** `{"amount": 100}`: a whole number of units, or undefined. */
async function readAmount(request: IncomingMessage): Promise<number | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk);
  }
  try {
    const { amount }: { amount?: unknown } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0 ? amount : undefined;
  } catch {
    return undefined;
  }
}
