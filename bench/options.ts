// What a run of the bench may be told on its command line, and how much it does in each size. Everything is bounded here: how
// often, how many, how long.

import { parseArgs } from 'node:util';
import { GROWTHS, type Growth } from './growth.ts';
import { STORAGES, type StorageKind } from './rooms.ts';
import { WORKLOADS, type WorkloadName } from './workloads.ts';

export interface Sizes {
  /** restarts of provider and stand-in; each figure is the median over them */
  readonly rounds: number;
  /** people who enrol in each round; each is signed in by one flow at a time */
  readonly people: number;
  /** logins in each measurement */
  readonly logins: number;
  /** signed deliveries in each round, half of them with a decision */
  readonly webhooks: number;
  /** decisions brought to an open page, and as many to a page without script */
  readonly decisions: number;
  /** event streams held open meanwhile */
  readonly streams: number;
  /** how many logins wait, one after another; the largest is reached in one round only */
  readonly waiting: readonly number[];
}

/** What a run is for; each but the first by an option of its name. */
export const MODES = ['measure', 'compare', 'count', 'instances', 'growth', 'soak', 'pages'] as const;
export type Mode = (typeof MODES)[number];

export interface ComparisonOptions extends Pick<Sizes, 'rounds' | 'people' | 'logins'> {
  readonly storages: readonly StorageKind[];
  readonly only: readonly WorkloadName[];
  /** a folder in which Better Auth is installed */
  readonly betterAuth: string | undefined;
  /** registered at each provider; all alike */
  readonly clients: number;
  /** where each provider leaves a CPU profile of each round */
  readonly profile: string | undefined;
}

export interface Options extends Sizes, ComparisonOptions {
  readonly mode: Mode;
  readonly json: boolean;
  readonly quick: boolean;
  /** no new round begins after this */
  readonly budgetMs: number;
  readonly growths: readonly Growth[];
  /** share of the numbers of growth, soak and pages */
  readonly scale: number;
  /** deliveries sent in a second */
  readonly webhooksPerSecond: number;
}

const USUAL: Sizes = {
  rounds: 4,
  people: 64,
  logins: 200,
  webhooks: 600,
  decisions: 48,
  streams: 300,
  waiting: [10, 1_000, 10_000],
};
const QUICK: Sizes = {
  rounds: 2,
  people: 32,
  logins: 64,
  webhooks: 200,
  decisions: 16,
  streams: 100,
  waiting: [10, 1_000],
};

const USUAL_BUDGET_MS = 285_000;
const QUICK_BUDGET_MS = 55_000;
/** Several storages, several restarts of each: bounded, but not short. */
const COMPARISON_BUDGET_MS = 1_800_000;
const MOST = 100_000;

export const USAGE = `usage: npm run bench -- [options]

  --quick              less of everything, under a minute; figures are rougher
  --json               one JSON document instead of the table
  --storage KIND       sqlite (default), redis, postgres or memory
  --rounds N           restarts of the provider
  --people N  --logins N  --webhooks N  --decisions N  --streams N
                       how much is done in each round
  --waiting N          the largest number of logins that wait
  --compare            ratios to a bare oidc-provider: --storage may name several kinds, with commas
  --count              what a login asks of the storage, by operation and kind of record
  --instances          two instances: page at one and webhook at the other, and CPU against one instance
  --growth             CPU with little and with much of something, on SQLite; some minutes
  --of NAME,…          of the growth: accounts, clients, waiting
  --soak               memory over 20,000 logins, ours and a bare provider's; some minutes
  --pages              memory with 10,000 waiting pages open
  --scale SHARE        of growth, soak and pages: this share of their numbers, 0 to 1
  --only NAME,…        of the comparison: login, session, refresh, userinfo, discovery, jwks
  --better-auth FOLDER of the comparison and the soak: Better Auth as well, which is installed in that folder
  --clients N          of the comparison: clients that are registered and used
  --profile DIRECTORY  the provider leaves a CPU profile of each round there
`;

export class BadUsage extends Error {}

/** @throws BadUsage */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  const quick = values.quick ?? false;
  const sizes = quick ? QUICK : USUAL;
  const mode = readMode(values);
  const storages = readNames('storage', STORAGES, values.storage ?? 'sqlite');
  if (mode === 'measure' && storages.length > 1)
    throw new BadUsage('--storage is one kind unless a comparison is asked for');
  const most = values.waiting === undefined ? undefined : readCount('waiting', values.waiting);
  return {
    rounds: count('rounds'),
    people: count('people'),
    logins: count('logins'),
    webhooks: count('webhooks'),
    decisions: count('decisions'),
    streams: count('streams'),
    waiting: most === undefined ? sizes.waiting : [...sizes.waiting.filter((each) => each < most), most],
    mode,
    storages,
    only: values.only === undefined ? WORKLOADS : readNames('only', WORKLOADS, values.only),
    betterAuth: values['better-auth'],
    clients: values.clients === undefined ? 1 : readCount('clients', values.clients),
    json: values.json ?? false,
    quick,
    budgetMs: mode !== 'measure' ? COMPARISON_BUDGET_MS : quick ? QUICK_BUDGET_MS : USUAL_BUDGET_MS,
    growths: values.of === undefined ? GROWTHS : readNames('of', GROWTHS, values.of),
    scale: values.scale === undefined ? 1 : readShare('scale', values.scale),
    webhooksPerSecond: 200,
    profile: values.profile,
  };

  function count(name: 'rounds' | 'people' | 'logins' | 'webhooks' | 'decisions' | 'streams'): number {
    const given = values[name];
    return given === undefined ? sizes[name] : readCount(name, given);
  }
}

function readMode(values: Partial<Record<Mode, unknown>>): Mode {
  const [mode = 'measure', ...more] = MODES.filter((each) => values[each] === true);
  if (more.length > 0) throw new BadUsage(`--${mode} and --${more[0]} are two runs`);
  return mode;
}

function readNames<Name extends string>(option: string, known: readonly Name[], text: string): readonly Name[] {
  const names = text.split(',');
  const found = known.filter((name) => names.includes(name));
  if (found.length !== names.length) throw new BadUsage(`--${option} is of ${known.join(', ')}`);
  return found;
}

function readShare(name: string, given: string): number {
  const value = Number(given);
  if (!(value > 0 && value <= 1)) throw new BadUsage(`--${name} is a number above 0, at most 1`);
  return value;
}

function readCount(name: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1 || value > MOST) {
    throw new BadUsage(`--${name} is a whole number from 1 to ${MOST}`);
  }
  return value;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: flag,
        json: flag,
        compare: flag,
        count: flag,
        instances: flag,
        growth: flag,
        soak: flag,
        pages: flag,
        of: text,
        scale: text,
        only: text,
        clients: text,
        'better-auth': text,
        storage: text,
        rounds: text,
        people: text,
        logins: text,
        webhooks: text,
        decisions: text,
        streams: text,
        waiting: text,
        profile: text,
      },
    }).values;
  } catch (error) {
    throw new BadUsage((error as Error).message);
  }
}
