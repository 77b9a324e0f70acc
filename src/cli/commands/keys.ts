// `keys`: which keys are in use, for a rotation; and fresh ones, for the first set-up. No secret is listed.

import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import { makeSigningKeys } from '../../config/dev-secrets.ts';
import { dataKeyId } from '../../storage/sealer.ts';
import { type Call, type Command, expectWords, Misuse, readAction, SUCCESS } from '../command.ts';
import { columns } from '../output.ts';
import { withConfig } from '../work.ts';

export const keys: Command = {
  name: 'keys',
  summary: 'Lists the keys in use, without their secrets, or makes new ones',
  forms: ['keys [list]', 'keys make jwks | cookie | data'],
  notes: [
    'make prints a fresh key and keeps none: jwks for JWKS_FILE (RS256 and ES256), cookie for COOKIE_KEYS, data for',
    'DATA_KEYS. It needs no configuration: (umask 077; selfie-oidc keys make jwks > jwks.json)',
  ],
  async run(call) {
    const action = readAction(call.words, ['list', 'make'], 'list');
    expectWords(call.words, action === 'list' ? 1 : 2);
    return action === 'list' ? list(call) : make(call);
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
  const key = randomBytes(kind === 'cookie' ? 48 : 32).toString('base64url');
  call.out(call.json ? JSON.stringify({ [kind === 'cookie' ? 'COOKIE_KEYS' : 'DATA_KEYS']: key }) : key);
  return SUCCESS;
}

interface KeyFacts {
  readonly use: 'sig' | 'enc' | 'cookie';
  readonly alg: string;
  /** null: it has no name that could be told without telling the key */
  readonly id: string | null;
  /** `current` makes what is new; `kept` only reads what it once made */
  readonly state: 'current' | 'kept';
}

function list(call: Call): Promise<number> {
  return withConfig(call, async (config) => {
    const facts = describeKeys(config);
    if (call.json) for (const fact of facts) call.out(JSON.stringify(fact));
    else {
      const rows = facts.map(({ use, alg, id, state }) => [use, alg, id ?? '-', state]);
      for (const line of columns([['use', 'alg', 'id', 'state'], ...rows])) call.out(line);
    }
    return SUCCESS;
  });
}

function describeKeys(config: Config): KeyFacts[] {
  const state = (isFirst: boolean) => (isFirst ? 'current' : 'kept');
  const signing = config.jwks.keys;
  return [
    ...signing.map(({ kid, alg = '' }, index): KeyFacts => {
      const isFirst = signing.findIndex((key) => key.alg === alg) === index;
      return { use: 'sig', alg, id: kid ?? null, state: state(isFirst) };
    }),
    ...config.dataKeys.map((key, index): KeyFacts => {
      return { use: 'enc', alg: 'A256GCM', id: dataKeyId(key), state: state(index === 0) };
    }),
    ...config.cookieKeys.map(
      (_, index): KeyFacts => ({ use: 'cookie', alg: 'HMAC', id: null, state: state(index === 0) }),
    ),
  ];
}
