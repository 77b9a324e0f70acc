// What contenders are compared in: each is prepared once a round, and then done again and again by several people at once.

import type { Contender } from './contenders.ts';
import { loginWithSession, obtainTokens, type Person, refresh, unexpected } from './login-flow.ts';
import { inParallel } from './statistics.ts';
import { WebClient } from './web-client.ts';

export const WORKLOADS = ['login', 'session', 'refresh', 'userinfo', 'discovery', 'jwks'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface Once {
  readonly ms: number;
  readonly requests: number;
}

export interface Workload {
  readonly label: string;
  /** how many at once, each measured by itself */
  readonly lanes: readonly number[];
  /** this many times as often as a login */
  readonly factor: number;
  /** @returns what one time is */
  prepare(contender: Contender): Promise<(person: Person) => Promise<Once>>;
}

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  login: {
    label: 'whole login',
    lanes: [1, 16],
    factor: 1,
    prepare: async (contender) => async (person) => {
      const { totalMs, vendorMs, requests } = await contender.login(person);
      return { ms: totalMs - vendorMs, requests };
    },
  },
  session: {
    label: 'login with a session',
    lanes: [1, 16],
    factor: 2,
    prepare:
      async ({ provider }) =>
      async (person) => {
        const { totalMs, requests } = await loginWithSession(person, provider);
        return { ms: totalMs, requests };
      },
  },
  refresh: {
    label: 'refresh',
    lanes: [16],
    factor: 3,
    async prepare(contender) {
      const holders = await tokensOfEach(contender);
      return timed(contender, holders, async (holder) => {
        const token = holder.tokens.refreshToken ?? '';
        holder.tokens = await refresh(contender.provider.issuer, holder.client, token);
      });
    },
  },
  userinfo: {
    label: 'user info',
    lanes: [16],
    factor: 5,
    async prepare(contender) {
      const holders = await tokensOfEach(contender);
      return timed(contender, holders, async ({ tokens }) => {
        const headers = { authorization: `Bearer ${tokens.accessToken}` };
        await get(`${contender.provider.issuer}/me`, '"sub"', headers);
      });
    },
  },
  discovery: {
    label: 'discovery',
    lanes: [16],
    factor: 5,
    prepare: async (contender) =>
      timed(contender, contender.people, () =>
        get(`${contender.provider.issuer}/.well-known/openid-configuration`, '"issuer"'),
      ),
  },
  jwks: {
    label: 'JWKS',
    lanes: [16],
    factor: 5,
    prepare: async (contender) =>
      timed(contender, contender.people, () => get(`${contender.provider.issuer}/jwks`, '"keys"')),
  },
};

const browser = new WebClient();

async function get(url: string, expected: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const answer = await browser.request(url, { headers: { accept: 'application/json', ...headers } });
  if (answer.status !== 200 || !answer.text.includes(expected)) throw unexpected(new URL(url).pathname, answer);
}

/** Whoever comes takes the next thing of those that belong to it, so no two use one at a time. */
function timed<T>({ people }: Contender, things: readonly T[], work: (thing: T) => Promise<void>) {
  const turns = new Map<Person, number>(people.map((person, index) => [person, index]));
  return async (person: Person): Promise<Once> => {
    const turn = turns.get(person) ?? 0;
    const next = turn + people.length;
    turns.set(person, next < things.length ? next : turn % people.length);
    const startedMs = performance.now();
    await work(things[turn] as T);
    return { ms: performance.now() - startedMs, requests: 1 };
  };
}

/** A person at each client: as many as there are people, or clients if those are more. */
async function tokensOfEach({ provider, people, clients }: Contender) {
  const indices = Array.from({ length: Math.max(people.length, clients.length) }, (_, index) => index);
  const holders = indices.map((index) => {
    const client = clients[index % clients.length] as Contender['clients'][number];
    return {
      client,
      person: people[index % people.length] as Person,
      tokens: { accessToken: '', refreshToken: undefined as string | undefined },
    };
  });
  await inParallel(people, 16, async (person) => {
    for (const holder of holders.filter((each) => each.person === person))
      holder.tokens = await obtainTokens(person, provider.issuer, holder.client);
  });
  return holders;
}
