// Two processes with a bare oidc-provider each, over the same records, and what a client and a browser ask of them. For the races
// R1 to R5: a few rounds in `npm test`, a thousand in `npm run faults`.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { Browser, FORWARDED } from '../../test/storage/fixtures/browser.ts';
import type { ProviderSetup } from '../../test/storage/fixtures/provider-process.ts';

const PROGRAM = join(import.meta.dirname, '../../test/storage/fixtures/provider-process.ts');

export interface Tokens {
  access_token: string;
  refresh_token: string;
  scope?: string;
  error?: string;
}

export interface Reply {
  readonly status: number;
  readonly body: Tokens;
}

export const signer = await generateKeyPair('ES256', { extractable: true });

/** Two processes with a bare oidc-provider each, over the same records. */
export async function startPair(adapter: ProviderSetup['adapter'], storageUrl: string): Promise<Pair> {
  const keys = await generateKeyPair('ES256', { extractable: true });
  const setup: ProviderSetup = {
    storageUrl,
    adapter,
    jwks: { keys: [{ ...(await exportJWK(keys.privateKey)), alg: 'ES256', use: 'sig' }] } as ProviderSetup['jwks'],
    signerJwks: { keys: [{ ...(await exportJWK(signer.publicKey)), alg: 'ES256' }] } as ProviderSetup['jwks'],
  };
  const children = [0, 1].map(() =>
    fork(PROGRAM, [JSON.stringify(setup)], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  const ports = await Promise.all(children.map(readPort));
  return new Pair(
    children,
    ports.map((port) => `http://127.0.0.1:${port}`),
  );
}

/** @throws Error when the process ends before it listens */
function readPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (port) => resolve(port as number));
    child.once('exit', (code) => reject(new Error(`a process of the pair ended with ${code}`)));
  });
}

/** Two processes and what a client asks of them. */
export class Pair {
  readonly #children: readonly ChildProcess[];
  readonly origins: readonly string[];

  constructor(children: readonly ChildProcess[], origins: readonly string[]) {
    this.#children = children;
    this.origins = origins;
  }

  at(index: number): string {
    return this.origins[index % this.origins.length] as string;
  }

  async post(index: number, path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
    const response = await fetch(`${this.at(index)}${path}`, {
      method: 'POST',
      headers: { ...FORWARDED, ...headers },
      body: new URLSearchParams(form),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Tokens } satisfies Reply;
  }

  redeem = (index: number, client: number, code: string) =>
    this.post(
      index,
      '/token',
      { grant_type: 'authorization_code', code, redirect_uri: callback(client) },
      basic(client),
    );

  refresh = (index: number, client: number, token: string) =>
    this.post(index, '/token', { grant_type: 'refresh_token', refresh_token: token }, basic(client));

  async isUsable(index: number, client: number, tokens: Tokens) {
    const { access_token: access, refresh_token: refresh } = tokens;
    const me = await fetch(`${this.at(index)}/me`, { headers: { ...FORWARDED, authorization: `Bearer ${access}` } });
    const isActive = await this.isActive(index, client, tokens);
    return me.status === 200 || isActive || (await this.refresh(index + 1, client, refresh)).status === 200;
  }

  /** is one of the two active, as introspection has it? */
  async isActive(index: number, client: number, { access_token: access, refresh_token: refresh }: Tokens) {
    const asked = await Promise.all(
      [access, refresh].map((token) => this.post(index, '/token/introspection', { token }, basic(client))),
    );
    return asked.some(({ body }) => (body as unknown as { active: boolean }).active);
  }

  /** signs in, or is signed in already. @returns a code */
  async code(browser: Browser, client: number, index = client, more: Record<string, string> = {}): Promise<string> {
    const { location, status, text } = await browser.follow(this.at(index), authorize(client, more));
    const code = location?.searchParams.get('code');
    if (!code) throw new Error(`no code for client ${client}: ${status} ${location} ${text.slice(0, 200)}`);
    return code;
  }

  async signIn(client: number): Promise<Tokens> {
    const { status, body } = await this.redeem(client, client, await this.code(new Browser(), client));
    if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** the clients that this logout is delivered to */
  async logOut(browser: Browser): Promise<readonly string[]> {
    const page = await browser.go(this.at(0), '/session/end');
    const xsrf = /name="xsrf" value="(\w+)"/.exec(page.text)?.[1] ?? '';
    const before = await this.told();
    await browser.go(this.at(1), '/session/end/confirm', { xsrf, logout: 'yes' });
    return (await this.told()).slice(before.length).toSorted();
  }

  async told(): Promise<string[]> {
    return JSON.parse((await new Browser().go(this.at(1), '/told')).text) as string[];
  }

  async stop(): Promise<void> {
    const ends = this.#children.map((child) => once(child, 'exit'));
    for (const child of this.#children) child.disconnect();
    await Promise.all(ends);
  }
}

export const callback = (client: number) => `https://client-${client}.test/cb`;
export const basic = (client: number) => ({ authorization: `Basic ${btoa(`client-${client}:secret-${client}`)}` });
export const authorize = (client: number, more: Record<string, string>) =>
  `/auth?${new URLSearchParams({ client_id: `client-${client}`, response_type: 'code', redirect_uri: callback(client), scope: 'openid', ...more })}`;
