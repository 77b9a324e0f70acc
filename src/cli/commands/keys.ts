// `keys`: which keys are in use, rotation step by step, and fresh ones for the first set-up. No secret is listed.

import type { Config } from '../../config/config.ts';
import { makeCookieKey, makeDataKey, makeSigningKeys } from '../../config/dev-secrets.ts';
import { StorageUnavailable } from '../../core/errors.ts';
import { describeKeys, type KeyHistory, type KeyKind, type KeyState } from '../../core/key-rotation.ts';
import type { RunningInstance } from '../../storage/instances.ts';
import { namesOf } from '../../storage/key-names.ts';
import { type Call, type Command, expectWords, FAILED, Misuse, readAction, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { NoStorage, withConfig, withParts } from '../work.ts';
import { retire, rotate } from './keys-rotate.ts';

export const keys: Command = {
  name: 'keys',
  summary: 'Lists the keys in use, without their secrets, rotates them, or makes new ones',
  forms: [
    'keys [list]',
    'keys rotate signing | cookie | data | all',
    'keys retire signing | cookie | data | all',
    'keys make jwks | cookie | data',
  ],
  options: {
    now: { type: 'boolean', about: 'rotate: both steps, waiting up to a minute for the running instances' },
    print: { type: 'boolean', about: 'rotate, retire: print the new content, secrets included, and write no file' },
    force: { type: 'boolean', about: 'retire: do not wait for what the key made to end' },
  },
  notes: [
    'rotate, run twice, adds a next key and then, when every running instance has it, makes it the current one. retire',
    'drops previous keys that nothing depends on any more. Both edit the files that JWKS_FILE, COOKIE_KEYS_FILE and',
    'DATA_KEYS_FILE name, or data/dev-secrets.json; running instances read them again within seconds.',
    'make prints a fresh key and keeps none: jwks for JWKS_FILE (RS256 and ES256), cookie for COOKIE_KEYS, data for',
    'DATA_KEYS. It needs no configuration: (umask 077; selfie-oidc keys make jwks > jwks.json)',
  ],
  async run(call) {
    const action = readAction(call.words, ['list', 'make', 'rotate', 'retire'], 'list');
    expectWords(call.words, action === 'list' ? 1 : 2);
    const allowed: readonly string[] = { list: [], make: [], rotate: ['now', 'print'], retire: ['force', 'print'] }[
      action
    ];
    const wrong = ['now', 'print', 'force'].find((name) => call.values[name] === true && !allowed.includes(name));
    if (wrong !== undefined) throw new Misuse(`keys ${action} takes no --${wrong}`);
    const run = { list, make, rotate, retire }[action];
    return run(call);
  },
};

async function make(call: Call): Promise<number> {
  if (call.words[1] === undefined) throw new Misuse('say which: keys make jwks, cookie or data');
  const kind = readAction(call.words.slice(1), ['jwks', 'cookie', 'data']);
  if (kind === 'jwks') {
    const jwks = await makeSigningKeys();
    call.out(call.json ? JSON.stringify(jwks) : JSON.stringify(jwks, null, 2));
    return SUCCESS;
  }
  const key = kind === 'cookie' ? makeCookieKey() : makeDataKey();
  call.out(call.json ? JSON.stringify({ [kind === 'cookie' ? 'COOKIE_KEYS' : 'DATA_KEYS']: key }) : key);
  return SUCCESS;
}

interface KeyFacts {
  readonly use: 'sig' | 'enc' | 'cookie';
  readonly alg: string;
  readonly id: string;
  /** `current` makes what is new, `next` will, `previous` is only accepted */
  readonly state: KeyState;
  /** ISO 8601; null where nobody saw it begin */
  readonly since: string | null;
  /** running instances that have it, and how many there are */
  readonly held_by: number;
  readonly running: number;
}

const SHOWN: readonly (readonly [KeyKind, KeyFacts['use']])[] = [
  ['signing', 'sig'],
  ['data', 'enc'],
  ['cookie', 'cookie'],
];

/** What the storage knows of keys. */
interface Known {
  readonly history: KeyHistory;
  readonly running: readonly RunningInstance[];
}

function list(call: Call): Promise<number> {
  return withConfig(call, async (config) => {
    const alone = () => print(call, describe(config, { history: {}, running: [] }));
    // a storage in memory is the provider's alone
    if (config.storageUrl === 'memory:') return alone();
    try {
      return await withParts(call, async ({ keyHistory, instances }) =>
        print(call, describe(config, { history: await keyHistory.read(), running: await instances.list() })),
      );
    } catch (error) {
      if (error instanceof NoStorage) {
        call.err(`keys: ${error.message}`);
        return alone();
      }
      if (!(error instanceof StorageUnavailable)) throw error;
      call.err(`keys: ${error.message}: which key is the next, since when, and who has it is not known`);
      alone();
      return FAILED;
    }
  });
}

function print(call: Call, facts: readonly KeyFacts[]): number {
  if (call.json) for (const fact of facts) call.out(JSON.stringify(fact));
  else {
    const rows = facts.map(({ use, alg, id, state, since, held_by, running }) => {
      return [use, alg, id, state, since ?? '-', `${held_by} of ${running}`];
    });
    for (const line of columns([['use', 'alg', 'id', 'state', 'since', 'instances'], ...rows])) call.out(line);
  }
  return SUCCESS;
}

function describe(config: Config, { history, running }: Known): KeyFacts[] {
  const names = namesOf(config);
  return SHOWN.flatMap(([kind, use]) =>
    describeKeys(kind, names[kind], history).map(({ id, alg, state, since }): KeyFacts => {
      const holders = running.filter((each) => each.keys[kind].some((key) => key.id === id));
      const start = since === undefined ? null : isoTime(since);
      return { use, alg, id, state, since: start, held_by: holders.length, running: running.length };
    }),
  );
}
