// R6: `kill -9` at every named point of a login, many times, and a judge over the whole history: what the clients got, what the vendor
// has, and what is stored afterwards.

import { CLIENT } from '../../bench/folders.ts';
import { askForTokens, newPerson, newRequest, type Person } from '../../bench/login-flow.ts';
import { send } from '../../bench/web-client.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import type { Random } from '../random.ts';
import { withRecords } from '../records.ts';
import { openRoom } from '../rooms.ts';
import { tellAndWait } from '../told.ts';
import { attemptOf } from '../vendor.ts';
import { KILL_POINTS, type KillPoint } from './points.ts';
import { type Seen, walk } from './walk.ts';

const PRELOAD = new URL('../preloads/kill-points.ts', import.meta.url).pathname;
/** Kills at each point; over the three engines twenty. */
const KILLS = { sqlite: 8, redis: 6, postgres: 6 } as const;
const LANES = 2;
/** Work that a process took with it is handed out again half a minute later. */
const WORK_LEASE_MS = 30_000;
/** The stand-in sends again what nobody took, sooner than the vendor would. */
const SEND_AGAIN_MS = [300, 1_000, 2_000, 4_000, 8_000];

interface Trial {
  readonly point: KillPoint;
  readonly newcomer: boolean;
}

interface Tally {
  kills: number;
  /** let in by the selfie that was shown before the kill, or by the one that followed it in the same attempt */
  goneOn: number;
  startedAgain: number;
}

function trialsOf(kills: number, { point: words, random }: CheckContext): Trial[] {
  const trials = KILL_POINTS.filter(({ name }) => name.includes(words)).flatMap((point) =>
    Array.from({ length: kills }, (_, round) => ({
      point,
      newcomer: point.by === 'newcomer' || (point.by === 'both' && round % 2 === 0),
    })),
  );
  // in no order, so that a kill meets what other kills left behind
  for (let last = trials.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [trials[last], trials[other]] = [trials[other] as Trial, trials[last] as Trial];
  }
  return trials;
}

/** Everybody in a lane, and the sum of what happened. */
class Lane {
  readonly #ground: Ground;
  readonly #failures: Failures;
  readonly #tally: Tally;
  readonly #known: Person[] = [];
  #enrolled = 0;

  constructor(ground: Ground, failures: Failures, tally: Tally) {
    this.#ground = ground;
    this.#failures = failures;
    this.#tally = tally;
  }

  async play({ point, newcomer }: Trial, random: Random): Promise<void> {
    const ground = this.#ground;
    const failures = this.#failures;
    const person = newcomer || this.#known.length === 0 ? newPerson() : random.pick(this.#known);
    // somebody known is needed first
    if (!newcomer && !person.enrolled) await this.#signIn(person);
    if (point.byDelivery) await ground.vendor.fault('decision', { status: 500, times: null });
    await tellAndWait(ground.provider, { arm: point.moment }, 'armed');
    let died = 0;
    const before = new Set((await ground.vendor.sessions()).map(({ id }) => id));
    const seen = await this.#signIn(person, {
      ...(point.byDelivery ? { patienceMs: 1.5 * WORK_LEASE_MS } : {}),
      revive: async () => {
        await revive(ground);
        died += 1;
      },
      afterRevival: async (approved) => {
        if (!approved) await this.#expectNobodyIn(person, point);
      },
    });
    if (point.byDelivery) await ground.vendor.clearFaults();
    // killed by what came after the person had everything: the work behind an answer
    if (seen !== undefined && died === 0 && (await isGone(ground))) {
      await revive(ground);
      died += 1;
    }
    failures.expect(died === 1, 'the point was come by, once', `${point.name}: ${died} times`);
    if (seen === undefined) return;
    this.#tally.kills += died;
    this.#tally[seen.starts === 1 ? 'goneOn' : 'startedAgain'] += 1;
    await this.#judge(seen, before, point);
  }

  async #signIn(person: Person, more: Partial<Parameters<typeof walk>[1]> = {}): Promise<Seen | undefined> {
    const { places } = this.#ground;
    person.browser.forget((name) => name.startsWith('_'));
    const unarmed = () => Promise.reject(new Error('a provider that nobody killed is gone'));
    try {
      const seen = await walk(person, { places, revive: unarmed, ...more });
      if (!person.enrolled) {
        person.enrolled = true;
        this.#enrolled += 1;
        this.#known.push(person);
      }
      return seen;
    } catch (error) {
      this.#failures.expect(false, 'whoever was killed at is let in or starts again', (error as Error).message);
      if (await isGone(this.#ground)) await revive(this.#ground);
      return undefined;
    }
  }

  /** Before any approval neither a session nor an account may be there. */
  async #expectNobodyIn(person: Person, { name }: KillPoint): Promise<void> {
    const request = newRequest(this.#ground.places.issuer);
    const { location = '' } = await person.browser.request(`${request.url}&prompt=none`);
    const isRefused = new URL(location, CLIENT.redirectUri).searchParams.get('error') === 'login_required';
    this.#failures.expect(isRefused, 'nobody is signed in without a proof', name);
  }

  async #judge(seen: Seen, before: ReadonlySet<string>, { name, keeps = false }: KillPoint): Promise<void> {
    const { places, vendor } = this.#ground;
    const failures = this.#failures;
    failures.expect(seen.faults.length === 0, 'no 5xx but from the dead', `${name}: ${seen.faults.join()}`);
    failures.expect(seen.won.length === 1, 'one approval, one set of tokens', `${name}: ${seen.won.length}`);
    failures.expect(
      !keeps || seen.selfies === 1,
      'an approval that is with us is used',
      `${name}: ${seen.selfies} selfies`,
    );
    for (const { accessToken } of seen.won) {
      const me = await send(`${places.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
      failures.expect(me.status === 200, 'the tokens work', `${name}: ${me.status}`);
    }
    for (const { code, request } of seen.codes) {
      const replay = await askForTokens(places.issuer, request, code);
      failures.expect(replay.status === 400, 'a code is good once', `${name}: ${replay.status}`);
    }
    const made = (await vendor.sessions()).filter(({ id }) => !before.has(id));
    failures.expect(made.length <= seen.starts, 'one session at the vendor for each start', `${name}: ${made.length}`);
    const approved = made.filter(({ status }) => status === 'Approved');
    const attempts = new Set(approved.map(attemptOf));
    failures.expect(attempts.size === approved.length, 'one paid session an attempt', name);
  }

  /** What is left when all is over. */
  async judgeWhole(): Promise<void> {
    const { storageUrl, vendor } = this.#ground;
    const failures = this.#failures;
    const sessions = await vendor.sessions();
    const approved = sessions.filter(({ status }) => status === 'Approved');
    await withRecords(storageUrl, async (records) => {
      const { isWhole, lines } = await records.journal();
      failures.expect(isWhole && lines.length > 0, "the journal's chain is whole");
      const finished = lines.filter(({ event }) => event === 'login.finished').map(({ attempt }) => attempt);
      failures.expect(new Set(finished).size === finished.length, 'an attempt is finished once');
      const ledger = await records.ledger();
      failures.expect(new Set(ledger).size === ledger.length, 'a session is in the ledger once');
      const paid = approved.filter(({ id }) => !ledger.includes(id));
      failures.expect(
        paid.length === 0,
        'every paid session is in the ledger',
        `${paid.length} of ${approved.length} are not`,
      );
      const accounts = await records.count('account:');
      const proven = approved.filter(({ kind }) => kind === 'enrol').length;
      failures.expect(accounts <= proven, 'no account without a proof', `${accounts} accounts, ${proven} proofs`);
      const identifiers = await records.count('identifier:');
      failures.expect(
        identifiers === this.#enrolled,
        'an account for everybody who enrolled',
        `${identifiers} of ${this.#enrolled}`,
      );
    });
  }
}

async function isGone({ provider }: Ground): Promise<boolean> {
  const soon = new Promise<void>((done) => setTimeout(done, 100));
  await Promise.race([provider.ended, soon]);
  return !provider.isRunning();
}

async function revive(ground: Ground): Promise<void> {
  await Promise.race([ground.provider.ended, new Promise<void>((done) => setTimeout(done, 2_000))]);
  if (ground.provider.isRunning()) throw new Error('a connection broke, and the provider was not gone');
  await ground.restart();
}

async function run(context: CheckContext): Promise<Findings> {
  const { engine, random } = context;
  const trials = trialsOf(context.rounds(KILLS[engine], 1), context);
  if (context.isTiny) trials.splice(1);
  const points = new Set(trials.map(({ point }) => point)).size;
  const failures = new Failures();
  const tally: Tally = { kills: 0, goneOn: 0, startedAgain: 0 };
  const playLane = async () => {
    const room = await openRoom(engine);
    try {
      const ground = await openGround({ storageUrl: room.url, preloads: [PRELOAD] });
      try {
        await ground.standIn.configure({ autoOutcome: 'approve', retryDelaysMs: SEND_AGAIN_MS });
        const lane = new Lane(ground, failures, tally);
        for (let trial = trials.pop(); trial !== undefined; trial = trials.pop()) await lane.play(trial, random);
        await lane.judgeWhole();
      } finally {
        await ground.end();
      }
    } finally {
      await room.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, trials.length) }, playLane));
  const { kills, goneOn, startedAgain } = tally;
  const checked = `${points} points; ${goneOn} went on, ${startedAgain} started again; codes, tokens, vendor, ledger, journal`;
  return { rounds: kills, checked, failures: failures.all() };
}

export const KILL: Check = {
  fault: 'R6',
  name: 'kill -9 at a named point',
  engines: ENGINES,
  notWhenQuick: ['redis', 'postgres'],
  run,
};
