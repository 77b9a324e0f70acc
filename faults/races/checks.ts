// R1 to R5: ten requests at once over two processes, again and again, on every engine. The textbook adapter plays the same rounds as
// the control: where it does not fail, the race did not happen and nothing was shown.

import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { openRoom } from '../rooms.ts';
import { type Pair, type Reply, startPair } from './pair.ts';
import {
  assertTenTimes,
  CLIENTS,
  proveKeyTenTimes,
  proveSixTimes,
  refreshTenTimes,
  revokeAmongRefreshes,
  signInSixTimes,
  successes,
  useCodeTenTimes,
} from './plays.ts';

/** Rounds on each engine; over all three a thousand of each race. */
const ROUNDS = { sqlite: 334, redis: 333, postgres: 333 } as const;
const QUICK_ROUNDS = 12;
/** Rounds under way at once, each over two processes of its own: most of a round is waiting. */
const LANES = 2;
/** Fewer rounds are not worth a second pair. */
const ROUNDS_OF_A_LANE = 50;
/** The control is played until it has failed, but not longer. */
const CONTROL_ROUNDS = 40;
/** Every so often what the winner got is used: right after the race it must be worth nothing. */
const AFTERMATH_EVERY = 5;

interface Race {
  readonly fault: string;
  readonly name: string;
  /** one round; what is wrong goes to `failures` */
  play(pair: Pair, failures: Failures, round: number): Promise<void>;
  /** did the textbook adapter fail in this round? */
  control(pair: Pair): Promise<boolean>;
}

function judge(failures: Failures, replies: readonly Reply[], error: string, status = 400): Reply | undefined {
  const [first, ...others] = successes(replies);
  failures.expect(
    first !== undefined && others.length === 0,
    'exactly one succeeds',
    `${successes(replies).length} did`,
  );
  for (const reply of replies) {
    const isRight = reply.status === 200 || (reply.status === status && reply.body.error === error);
    failures.expect(isRight, `the rest hear ${error}`, `${reply.status} ${reply.body.error}`);
  }
  return first;
}

const isDoubled = (replies: readonly Reply[]) => successes(replies).length > 1;
const everybody = CLIENTS.map((client) => `client-${client}.test`).join();

async function judgeTabs(
  failures: Failures,
  pair: Pair,
  { browser, working }: Awaited<ReturnType<typeof signInSixTimes>>,
) {
  failures.expect(!working.includes(false), 'all six codes work', working.join());
  const told = (await pair.logOut(browser)).join();
  failures.expect(told === everybody, 'all six are told at logout', told);
}

const PLAYED: readonly Race[] = [
  {
    fault: 'R1',
    name: 'one code ten times',
    async play(pair, failures, round) {
      const first = judge(failures, await useCodeTenTimes(pair), 'invalid_grant');
      if (first === undefined || round % AFTERMATH_EVERY !== 0) return;
      failures.expect(!(await pair.isUsable(0, 1, first.body)), 'what a doubled code gave is revoked');
    },
    control: async (pair) => isDoubled(await useCodeTenTimes(pair)),
  },
  {
    fault: 'R2',
    name: 'one refresh token ten times',
    async play(pair, failures, round) {
      const { token, replies } = await refreshTenTimes(pair);
      const first = judge(failures, replies, 'invalid_grant');
      if (first === undefined || round % AFTERMATH_EVERY !== 0) return;
      const replay = await pair.refresh(0, 1, token);
      failures.expect(replay.status === 400, 'a replay is refused', String(replay.status));
      failures.expect(!(await pair.isUsable(0, 1, first.body)), 'a replay ends the family');
    },
    control: async (pair) => isDoubled((await refreshTenTimes(pair)).replies),
  },
  {
    fault: 'R3',
    name: 'six sign-ins in one browser',
    async play(pair, failures, round) {
      const play = round % 2 === 0 ? signInSixTimes : proveSixTimes;
      await judgeTabs(failures, pair, await play(pair));
    },
    control: async (pair) => (await signInSixTimes(pair)).working.includes(false),
  },
  {
    fault: 'R4',
    name: 'revocation among refreshes',
    async play(pair, failures, round) {
      const { replies, usable } = await revokeAmongRefreshes(pair, { isThorough: round % AFTERMATH_EVERY === 0 });
      const survivors = usable.filter(Boolean).length;
      failures.expect(survivors === 0, 'nothing can be used afterwards', `${survivors} can`);
      const bad = replies.filter(({ status }) => status !== 200 && status !== 400);
      failures.expect(bad.length === 0, 'no refresh fails otherwise', bad.map(({ status }) => status).join());
    },
    control: async (pair) => (await revokeAmongRefreshes(pair)).usable.includes(true),
  },
  {
    fault: 'R5',
    name: 'one jti ten times',
    async play(pair, failures, round) {
      // DPoP's proof takes the same way in the adapter; it is worth a look now and then
      if (round % AFTERMATH_EVERY === 1) judge(failures, await proveKeyTenTimes(pair), 'invalid_grant');
      judge(failures, await assertTenTimes(pair), 'invalid_client', 401);
    },
    control: async (pair) => isDoubled(await assertTenTimes(pair)),
  },
];

async function playOn({ play, control }: Race, context: CheckContext): Promise<Findings> {
  const { engine } = context;
  const rounds = context.rounds(ROUNDS[engine], QUICK_ROUNDS);
  const failures = new Failures();
  const room = await openRoom(engine);
  const other = await openRoom(engine);
  try {
    let next = 0;
    const playLane = () =>
      withPair('ours', room.url, async (pair) => {
        while (next < rounds) {
          next += 1;
          await play(pair, failures, next - 1);
        }
      });
    await Promise.all(Array.from({ length: Math.min(LANES, Math.ceil(rounds / ROUNDS_OF_A_LANE)) }, playLane));
    let controls = 0;
    let hasFailed = false;
    await withPair('textbook', other.url, async (pair) => {
      while (!hasFailed && controls < CONTROL_ROUNDS) {
        controls += 1;
        hasFailed = await control(pair);
      }
    });
    failures.expect(hasFailed, 'the textbook adapter fails here', `it held in ${controls} rounds: nothing was shown`);
    const checked = `no double, no survivor, no 500; the control failed in its round ${controls}`;
    return { rounds, checked, failures: failures.all() };
  } finally {
    await room.remove();
    await other.remove();
  }
}

async function withPair(
  adapter: 'ours' | 'textbook',
  storageUrl: string,
  work: (pair: Pair) => Promise<void>,
): Promise<void> {
  const pair = await startPair(adapter, storageUrl);
  try {
    await work(pair);
  } finally {
    await pair.stop();
  }
}

export const RACES: readonly Check[] = PLAYED.map((race) => ({
  fault: race.fault,
  name: race.name,
  engines: ENGINES,
  run: (context) => playOn(race, context),
}));
