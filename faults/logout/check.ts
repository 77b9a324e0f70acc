// R12: a client's logout endpoint hangs. The person's logout is answered at once, other clients are told at once, and the one that
// hung is told as soon as it answers again.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CLIENT } from '../../bench/folders.ts';
import { login, newPerson, newRequest, type Person } from '../../bench/login-flow.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { openRoom } from '../rooms.ts';

const ANSWERED_WITHIN_MS = 3_000;
const OTHERS_TOLD_WITHIN_MS = 3_000;
/** A delivery is given up after a few seconds, and tried again five seconds later. */
const TOLD_AGAIN_WITHIN_MS = 20_000;
const SECOND = 'second';

/** Two clients' endpoints on one server: the first hangs until it is told not to. */
class Endpoints {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #hangs = true;
  readonly #hung = new Set<ServerResponse>();
  readonly told: Record<string, number> = { first: 0, second: 0 };
  asked = 0;

  async open(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  recover(): void {
    this.#hangs = false;
  }

  hang(): void {
    this.#hangs = true;
  }

  close(): void {
    for (const response of this.#hung) response.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const name = request.url === '/first' ? 'first' : 'second';
    request.resume();
    if (name === 'first') this.asked += 1;
    if (name === 'first' && this.#hangs) {
      this.#hung.add(response);
      return;
    }
    this.told[name] = (this.told[name] ?? 0) + 1;
    response.end();
  }
}

async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  const giveUpAtMs = performance.now() + withinMs;
  while (!holds() && performance.now() < giveUpAtMs) await delay(20);
  return holds();
}

async function logOut({ browser }: Person, { places }: Ground): Promise<{ status: number; tookMs: number }> {
  const page = await browser.request(`${places.issuer}/session/end`);
  const xsrf = /name="xsrf" value="(\w+)"/.exec(page.text)?.[1] ?? '';
  const startedMs = performance.now();
  const { status } = await browser.form(`${places.issuer}/session/end/confirm`, { xsrf, logout: 'yes' });
  return { status, tookMs: performance.now() - startedMs };
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const rounds = context.rounds(1, 1);
  const endpoints = new Endpoints();
  const origin = await endpoints.open();
  const room = await openRoom(context.engine);
  const second = {
    client_id: SECOND,
    client_secret: CLIENT.secret,
    redirect_uris: [CLIENT.redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    first_party: true,
    backchannel_logout_uri: `${origin}/second`,
  };
  try {
    const ground = await openGround({
      storageUrl: room.url,
      folder: { entry: { backchannel_logout_uri: `${origin}/first` }, others: [second] },
      environment: { OUTGOING_ALLOW: '127.0.0.1' },
    });
    try {
      await ground.standIn.configure({ autoOutcome: 'approve' });
      let slowestMs = 0;
      for (let round = 1; round <= rounds; round += 1) {
        endpoints.hang();
        const asked = endpoints.asked;
        const person = newPerson();
        await login(person, ground.places);
        const request = new URL(newRequest(ground.places.issuer).url);
        request.searchParams.set('client_id', SECOND);
        await person.browser.request(request.href);
        const { status, tookMs } = await logOut(person, ground);
        slowestMs = Math.max(slowestMs, tookMs);
        failures.expect(status < 400, 'the person is signed out', String(status));
        failures.expect(tookMs <= ANSWERED_WITHIN_MS, 'within 3 s', `${Math.round(tookMs)} ms`);
        const others = await until(() => endpoints.told.second === round, OTHERS_TOLD_WITHIN_MS);
        failures.expect(others, 'other clients are told at once', `${endpoints.told.second} of ${round}`);
        failures.expect(await until(() => endpoints.asked > asked, 1_000), 'the one that hangs was asked');
        endpoints.recover();
        const again = await until(() => endpoints.told.first === round, TOLD_AGAIN_WITHIN_MS);
        failures.expect(again, 'the one that hung is told when it answers', `${endpoints.told.first} of ${round}`);
      }
      const checked = `logout answered within ${Math.round(slowestMs)} ms; the other told at once; the hung one later, once`;
      failures.expect(endpoints.told.first === rounds, 'once for each logout', String(endpoints.told.first));
      return { rounds, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    endpoints.close();
    await room.remove();
  }
}

export const LOGOUT_HANGS: Check = {
  fault: 'R12',
  name: "a client's logout hangs",
  engines: ENGINES,
  notWhenQuick: ['redis', 'postgres'],
  run,
};
