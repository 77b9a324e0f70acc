// The policy against the rest of the configuration: what it asks for and cannot have stops the start, all at once.

import { describe, expect, test } from '@jest/globals';
import { CLIENT, configOf, DEVELOPMENT, faultsOf, load, PRODUCTION } from './support.ts';

const ACTIVE = { DIDIT_WORKFLOW_ACTIVE: '33333333-3333-4333-8333-333333333333' };
const MAIL = { SMTP_URL: 'smtps://mail.example:465', MAIL_FROM: 'login@mail.example' };
const at = (minimum: string) => `${CLIENT}  minimum_acr: ${minimum}\n`;
const acr = (name: string) => `urn:selfie-oidc:acr:${name}`;

async function told(
  policy: string,
  { env = DEVELOPMENT, clients = CLIENT }: { env?: Record<string, string>; clients?: string } = {},
): Promise<string[]> {
  const reading = await load(env, { 'config/policy.yaml': policy, 'config/clients.yaml': clients });
  return reading.ok ? [] : reading.faults.map(({ where, problem, fix }) => `${where}: ${problem} → ${fix}`);
}

const SET_ACTIVE = 'set DIDIT_WORKFLOW_ACTIVE';

describe('an active selfie without its workflow', () => {
  test.each<[string, string, ...string[]]>([
    [
      'a rule that asks for it',
      'risk:\n  rules:\n    - new_device: { asks: active }\n    - account_under_review:\n        asks: active',
      `config/policy.yaml:3: risk.rules: new_device asks for an active selfie, for which there is no workflow → ${SET_ACTIVE}, or write asks: passive`,
      `config/policy.yaml:5: risk.rules: account_under_review asks for an active selfie, for which there is no workflow → ${SET_ACTIVE}, or write asks: passive`,
    ],
    [
      'a scope that requires it',
      `scopes:\n  read: ${acr('selfie')}\n  payments: ${acr('selfie-active')}\n  keys: ${acr('selfie-device')}`,
      `config/policy.yaml:3: scopes: payments requires an active selfie, for which there is no workflow → ${SET_ACTIVE}, or write ${acr('selfie')}`,
    ],
    [
      'a client’s rule, and whoever is like it',
      'clients:\n  shop:\n    risk.rules: [{ new_device: { asks: active } }]\n  mill:\n    like: shop\n',
      `config/policy.yaml:3, client "shop": risk.rules: new_device asks for an active selfie, for which there is no workflow → ${SET_ACTIVE}, or write asks: passive`,
      `config/policy.yaml:5, client "mill": risk.rules: new_device asks for an active selfie, for which there is no workflow → ${SET_ACTIVE}, or write asks: passive`,
    ],
  ])('%s is refused', async (_what, policy, ...faults) => {
    const clients = `${CLIENT}${CLIENT.replace('shop', 'mill')}`;
    expect(await told(policy, { clients })).toEqual(faults);
    expect(await told(policy, { clients, env: { ...DEVELOPMENT, ...ACTIVE } })).toEqual([]);
    expect(await told(policy, { clients, env: {} })).toEqual([]);
  });

  test('a client’s own workflow is enough for its own rules', async () => {
    const clients = `${CLIENT}  vendor_workflow: 44444444-4444-4444-8444-444444444444\n`;
    const policy = 'clients: { shop: { risk.rules: [{ new_device: { asks: active } }] } }';
    expect(await told(policy, { clients })).toEqual([]);
    expect(await told('risk.rules: [{ new_device: { asks: active } }]', { clients })).toHaveLength(1);
  });

  test('rules that ask for it by default are softened, and one warning says so', async () => {
    const { warnings } = await configOf(DEVELOPMENT, {
      'config/policy.yaml': 'clients: { shop: { risk.rules: [sensitive_scope, impossible_travel] } }',
    });
    expect(warnings).toEqual([
      'DIDIT_WORKFLOW_ACTIVE: is not set, so account_under_review, repeated_declines, anonymising_new_device, impossible_travel, sensitive_scope asks for a passive selfie instead of an active one',
    ]);
    const passive = 'risk.rules: [new_device, account_under_review: { asks: passive }]';
    for (const [env, policy] of [
      [DEVELOPMENT, passive],
      [{ ...DEVELOPMENT, ...ACTIVE }, ''],
      [{}, ''],
    ] as const)
      expect((await configOf(env, { 'config/policy.yaml': policy })).warnings).toEqual([]);
  });
});

test('a rule that lets in and ends the asking before others is told', async () => {
  const first = 'known_device_and_network: { final: true }';
  const { warnings } = await configOf(
    { ...DEVELOPMENT, ...ACTIVE },
    {
      'config/policy.yaml': `risk:\n  rules:\n    - new_device\n    - ${first}\n    - account_under_review\nclients:\n  shop:\n    risk.rules: [new_device, ${first}]`,
    },
  );
  expect(warnings).toEqual([
    'config/policy.yaml:4: risk.rules: known_device_and_network is final and asks for nothing, so where it speaks these are not asked: account_under_review',
  ]);
});

test('one that lets in without ending the asking is not', async () => {
  const policy = 'risk.rules: [known_device_and_network, { new_device: { final: true } }, new_network]';
  const { warnings } = await configOf({ ...DEVELOPMENT, ...ACTIVE }, { 'config/policy.yaml': policy });
  expect(warnings).toEqual([]);
});

describe('mail without a server', () => {
  test('is refused where it was asked for, for all and for one', async () => {
    const policy =
      'other_ways:\n  - passkey\n  - email\nclients:\n  shop:\n    other_ways: [email]\n  mill: { like: shop }';
    const clients = `${CLIENT}${CLIENT.replace('shop', 'mill')}`;
    expect(await told(policy, { clients })).toEqual([
      'config/policy.yaml:3: other_ways has email, and there is no mail server → set SMTP_URL and MAIL_FROM, or remove it',
      'config/policy.yaml:6, client "shop": other_ways has email, and there is no mail server → set SMTP_URL and MAIL_FROM, or remove it',
    ]);
    expect(await told(policy, { clients, env: { ...DEVELOPMENT, ...MAIL } })).toEqual([]);
  });
});

describe('a way in that is weaker than what its client takes', () => {
  const fix = 'remove it here, or change minimum_acr in the clients file';
  const weaker = (way: string, minimum: string) =>
    `config/policy.yaml:1, client "shop": other_ways has ${way}, which is weaker than the client's minimum_acr ${minimum} → ${fix}`;
  const code = `recovery_code (${acr('recovery')})`;
  const email = `email (${acr('recovery')})`;
  const other = (minimum: string) =>
    `config/policy.yaml:1, client "shop": other_ways has passkey (phr), which is not enough for the client's minimum_acr ${minimum} → ${fix}`;
  test.each<[string, string, string[]]>([
    [acr('recovery'), 'passkey, email, recovery_code', []],
    [acr('device'), 'passkey', []],
    [acr('device'), 'passkey, email, recovery_code', [weaker(email, acr('device')), weaker(code, acr('device'))]],
    ['phr', 'passkey', []],
    ['phr', 'recovery_code', [weaker(code, 'phr')]],
    [acr('selfie'), 'recovery_code', [weaker(code, acr('selfie'))]],
    [acr('selfie'), 'passkey', [other(acr('selfie'))]],
    [acr('selfie-active'), 'passkey', [other(acr('selfie-active'))]],
    [
      acr('selfie-device'),
      'passkey, email',
      [weaker('passkey (phr)', acr('selfie-device')), weaker(email, acr('selfie-device'))],
    ],
    [acr('selfie-device'), '', []],
  ])('minimum %s with [%s]', async (minimum, ways, faults) => {
    const env = { ...DEVELOPMENT, ...ACTIVE, ...MAIL };
    const policy = `clients: { shop: { other_ways: [${ways}] } }`;
    expect(await told(policy, { env, clients: at(minimum) })).toEqual(faults);
  });

  test('is refused, too, when it comes from the client it is like', async () => {
    const clients = `${at(acr('selfie'))}${CLIENT.replace('shop', 'mill')}`;
    expect(
      await told('clients:\n  mill: { other_ways: [recovery_code] }\n  shop:\n    like: mill', { clients }),
    ).toEqual([
      `config/policy.yaml:4, client "shop": other_ways has ${code}, which is weaker than the client's minimum_acr ${acr('selfie')} → ${fix}`,
    ]);
  });

  test('is no fault where it is offered to all: that client does not offer it', async () => {
    const policy = 'other_ways: [recovery_code]\nclients: { shop: { cross_device: off } }';
    expect(await told(policy, { clients: at(acr('selfie')) })).toEqual([]);
  });

  test('is told although the client’s entry has faults of its own', async () => {
    const clients = `${at(acr('selfie'))}  first_party: yes\n`;
    expect(await told('clients: { shop: { other_ways: [email] } }', { clients })).toEqual([
      expect.stringContaining('no mail server'),
      expect.stringContaining("weaker than the client's minimum_acr"),
      expect.stringContaining('first_party'),
    ]);
  });
});

describe('a client that does not exist', () => {
  test('is refused, with the nearest that does', async () => {
    expect(await told('clients:\n  shpo: { cross_device: off }\n  treasury:\n')).toEqual([
      'config/policy.yaml:2: clients: "shpo" is not in the clients file → did you mean shop?',
      'config/policy.yaml:3: clients: "treasury" is not in the clients file → remove it, or add the client to the clients file',
    ]);
  });

  test('is not told of while the clients file cannot be read', async () => {
    const policy = 'clients: { treasury: { cross_device: off } }';
    for (const clients of ['', '- client_id: "a', 'shop: {}'])
      expect((await told(policy, { clients })).join()).not.toContain('treasury');
  });

  test('may be the demo’s own, in the demo', async () => {
    const policy = 'clients: { demo: { cross_device: off } }';
    for (const clients of ['', CLIENT]) expect(await told(policy, { env: {}, clients })).toEqual([]);
    expect(await told('clients: { other: }', { env: {}, clients: '' })).toHaveLength(1);
    expect(await told(policy)).toHaveLength(1);
  });
});

describe('the clients file against the policy', () => {
  test('a client may ask for scopes of the policy, and for no others', async () => {
    const clients = `${CLIENT}  scope: openid payments\n`;
    expect(await told(`scopes: { payments: ${acr('selfie')} }`, { clients })).toEqual([]);
    expect(await told(`scopes: { payment: ${acr('selfie')} }`, { clients })).toEqual([
      'config/clients.yaml:4, client "shop": scope holds a scope that does not exist: "payments" → did you mean payment?',
    ]);
    expect(await told('', { clients })).toEqual([
      'config/clients.yaml:4, client "shop": scope holds a scope that does not exist: "payments" → remove it, or add it to scopes in the policy file',
    ]);
  });

  test('nothing is guessed about scopes that cannot be read', async () => {
    const clients = `${CLIENT}  scope: openid payments\n`;
    for (const policy of ['scopes: { payments: strong }', 'scopes: {', 'scopes: { payments: &a phr }'])
      expect(await told(policy, { clients })).toEqual([expect.stringMatching(/^config\/policy\.yaml:/)]);
    const missing = await load({ ...DEVELOPMENT, POLICY_FILE: 'mine.yaml' }, { 'config/clients.yaml': clients });
    expect(missing).toMatchObject({ ok: false, faults: [{ where: 'POLICY_FILE mine.yaml' }] });
  });

  test.each(['phr', acr('selfie-device')])(
    'a client may take nothing below %s where there are passkeys',
    async (minimum) => {
      expect(await told('', { clients: at(minimum) })).toEqual([]);
      expect(await told('passkeys: off', { clients: at(minimum) })).toEqual([
        'config/clients.yaml:4, client "shop": minimum_acr needs a passkey, and the policy file has passkeys: off → write another acr, or passkeys: on in the policy file',
      ]);
    },
  );
});

test('an unknown rule, a loop, a missing workflow and a weak way in: all at once, in the order of lines', async () => {
  const text = await faultsOf(
    { ...PRODUCTION, DIDIT_WORKFLOW_PASSIVE: '' },
    {
      'config/policy.yaml': `risk:
  rules:
    - new_devise
    - new_network: { asks: active }
scopes:
  payments: ${acr('selfie-active')}
other_ways: [email]
clients:
  shop:
    like: mill
    other_ways: [recovery_code]
  mill:
    like: shop
costs: { daily_soft: 2, daily_hard: 1 }
`,
      'config/clients.yaml': at(acr('selfie')),
    },
  );
  expect([...text.matchAll(/^ {2}(\S+?):? /gm)].map((match) => match[1])).toEqual([
    'DIDIT_WORKFLOW_PASSIVE',
    'config/policy.yaml:3',
    'config/policy.yaml:4',
    'config/policy.yaml:6',
    'config/policy.yaml:7',
    'config/policy.yaml:10,',
    'config/policy.yaml:11,',
    'config/policy.yaml:12',
    'config/policy.yaml:14',
  ]);
});

test('files are found from the folder of the start', async () => {
  const { config, folder } = await configOf(DEVELOPMENT, {
    'config/policy.yaml': 'networks: { tor: [data/tor.txt] }\nmail_templates: config/mails',
  });
  expect(config.policy.networks.tor).toEqual([`${folder}/data/tor.txt`]);
  expect(config.policy.mailTemplates).toBe(`${folder}/config/mails`);
});
