// The clients file: what an entry becomes, and every refusal with file, line, client and what would be right.

import { describe, expect, test } from '@jest/globals';
import type { ClientContext } from '../../src/config/client-rules.ts';
import { readClients } from '../../src/config/clients.ts';
import { CANARY } from './support.ts';

const CONTEXT: ClientContext = {
  production: false,
  hasActiveWorkflow: false,
  outgoingAllow: ['intern.example', '10.0.0.0/8'],
  signingAlgorithms: ['RS256', 'ES256'],
};
const PRODUCTION = { ...CONTEXT, production: true };

/** One client: what every test needs, then what this one is about. Lines of `more` begin at 5, or at 4 without a secret. */
const confidential = (more: string) => `- client_id: shop
  client_secret: ${CANARY}
  redirect_uris: [https://shop.example/cb]
  client_name: Shop
${more}`;
const open = (more: string) => `- client_id: app
  token_endpoint_auth_method: none
  redirect_uris: [https://shop.example/cb]
${more}`;

function read(text: string, context = CONTEXT) {
  const reading = readClients(text, 'c.yaml', context);
  expect(JSON.stringify([reading.faults, reading.warnings])).not.toContain(CANARY);
  return { ...reading, told: reading.faults.map((fault) => `${fault.where}: ${fault.problem}`) };
}

describe('an entry', () => {
  test('gets the defaults', () => {
    const { clients, faults, warnings } = read(confidential(''));
    expect([faults, warnings]).toEqual([[], []]);
    expect(clients).toEqual([
      {
        client_id: 'shop',
        client_secret: CANARY,
        client_name: 'Shop',
        redirect_uris: ['https://shop.example/cb'],
        post_logout_redirect_uris: [],
        application_type: 'web',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'RS256',
        subject_type: 'public',
        first_party: false,
        pkce: 'required',
      },
    ]);
  });

  test.each<[string, string]>([
    ['refresh tokens', confidential('  grant_types: [authorization_code, refresh_token]')],
    ['every own key', confidential('  first_party: true\n  minimum_acr: urn:selfie-oidc:acr:selfie\n  pkce: optional')],
    ['weaker strengths', confidential('  minimum_acr: urn:selfie-oidc:acr:recovery')],
    ['a remembered device', confidential('  minimum_acr: urn:selfie-oidc:acr:device')],
    ['a passkey alone', confidential('  minimum_acr: phr')],
    ['a selfie with a passkey', confidential('  minimum_acr: urn:selfie-oidc:acr:selfie-device')],
    ['some scopes, however spaced', confidential('  scope: " openid  email"')],
    [
      'an active selfie by its own workflow',
      confidential(
        '  minimum_acr: urn:selfie-oidc:acr:selfie-active\n  vendor_workflow: 44444444-4444-4444-8444-444444444444',
      ),
    ],
    [
      'loopback',
      confidential('  post_logout_redirect_uris: ["http://localhost:1/", "http://127.0.0.1/", "http://[::1]:2/"]'),
    ],
    ['a private scheme', open('  application_type: native\n  post_logout_redirect_uris: ["com.example.app:/bye"]')],
    ['a resource server', '- client_id: api\n  client_secret: x\n  grant_types: []\n  response_types: []'],
    ['inner addresses that are allowed', confidential('  backchannel_logout_uri: http://intern.example/out')],
    ['pairwise', confidential('  subject_type: pairwise')],
    ['JSON', '[{"client_id": "j", "client_secret": "s", "redirect_uris": ["https:\\/\\/j.example/cb"]}]'],
  ])('may have %s', (_what, text) => {
    const { told, warnings } = read(text);
    expect([told, warnings]).toEqual([[], []]);
  });

  test('may name an active selfie where there is a workflow for it', () => {
    const text = confidential(
      '  minimum_acr: urn:selfie-oidc:acr:selfie-active\n  default_acr_values: ["urn:selfie-oidc:acr:selfie-active"]',
    );
    expect(read(text, { ...CONTEXT, hasActiveWorkflow: true }).told).toEqual([]);
  });
});

describe('is judged with the policy:', () => {
  const told = (line: string, context: Partial<ClientContext>) =>
    read(confidential(line), { ...CONTEXT, ...context }).told;

  test('scopes of the policy exist', () => {
    expect(told('  scope: openid payments', { scopes: ['payments'] })).toEqual([]);
    expect(told('  scope: openid payments', { scopes: 'unknown' })).toEqual([]);
    expect(told('  scope: openid payments', { scopes: ['transfers'] })).toEqual([
      'c.yaml:5, client "shop": scope holds a scope that does not exist: "payments"',
    ]);
  });

  test('what needs a passkey needs passkeys', () => {
    for (const acr of ['phr', 'urn:selfie-oidc:acr:selfie-device'])
      expect(told(`  minimum_acr: ${acr}`, { passkeys: false })).toEqual([
        'c.yaml:5, client "shop": minimum_acr needs a passkey, and the policy file has passkeys: off',
      ]);
    expect(told('  minimum_acr: urn:selfie-oidc:acr:selfie', { passkeys: false })).toEqual([]);
  });
});

describe('is refused:', () => {
  test.each<[string, string, string]>([
    ['no id', '- client_secret: x\n  redirect_uris: [https://a.example/]', 'c.yaml:1, client 1: client_id is missing'],
    [
      'an id that is a number',
      '- client_id: 12\n  client_secret: x\n  redirect_uris: [https://a.example/]',
      'c.yaml:1, client 1: client_id is not text',
    ],
    [
      'one id twice',
      `${confidential('')}${confidential('')}`,
      'c.yaml:5, client "shop": client_id stood in line 1 before',
    ],
    [
      'an unknown name',
      confidential('  redirect_uri: x'),
      'c.yaml:5, client "shop": redirect_uri is not a client setting',
    ],
    [
      'a name of JavaScript’s',
      confidential('  __proto__: x'),
      'c.yaml:5, client "shop": __proto__ is not a client setting',
    ],
    [
      'what is not supported',
      confidential('  request_uris: []'),
      'c.yaml:5, client "shop": request_uris is not supported by this version',
    ],
    ['a name twice', confidential('  client_name: Again'), 'c.yaml:5: has a name that stood in the same place before'],
    ['implicit', confidential('  response_types: [id_token]\n'), 'response_types[0] "id_token" is implicit or hybrid'],
    [
      'hybrid',
      confidential('  response_types: [code id_token]'),
      'response_types[0] "code id_token" is implicit or hybrid',
    ],
    [
      'hybrid in another order',
      confidential('  response_types: ["token code"]'),
      'response_types[0] "token code" is implicit or hybrid',
    ],
    [
      'the implicit grant',
      confidential('  grant_types: [authorization_code, implicit]'),
      'grant_types[1] "implicit" puts tokens into addresses',
    ],
    [
      'the password grant',
      confidential('  grant_types:\n    - authorization_code\n    - password'),
      'c.yaml:7, client "shop": grant_types[1] "password" asks for passwords',
    ],
    [
      'client credentials',
      confidential('  grant_types: [authorization_code, client_credentials]'),
      '"client_credentials" is not supported',
    ],
    ['another grant', confidential('  grant_types: [authorization_code, foo]'), 'grant_types[1] "foo" is not one of'],
    [
      'refresh without a login',
      confidential('  grant_types: [refresh_token]\n  response_types: []'),
      'grant_types has refresh_token without',
    ],
    ['a code response without its grant', confidential('  grant_types: []'), 'grant_types does not fit'],
    ['no redirect URI', '- client_id: a\n  client_secret: x', 'c.yaml:1, client "a": redirect_uris is missing'],
    [
      'one redirect URI as text',
      '- client_id: a\n  client_secret: x\n  redirect_uris: https://a.example/',
      'redirect_uris is not a list',
    ],
    [
      'one redirect URI twice',
      confidential('  post_logout_redirect_uris: [https://a.example/, https://a.example/]'),
      'post_logout_redirect_uris[1] stood in the list before',
    ],
    [
      'no secret',
      '- client_id: a\n  redirect_uris: [https://a.example/]',
      'client_secret is missing, and client_secret_basic needs it',
    ],
    [
      'an empty secret',
      '- client_id: a\n  client_secret: ""\n  redirect_uris: [https://a.example/]',
      'client_secret is not printable',
    ],
    [
      'a secret that is a number',
      '- client_id: a\n  client_secret: 123\n  redirect_uris: [https://a.example/]',
      'client_secret is not text',
    ],
    ['a public client with a secret', open(`  client_secret: ${CANARY}`), 'client_secret belongs to no public client'],
    ['a public client without PKCE', open('  pkce: optional'), 'pkce is optional for a public client'],
    [
      'a short secret for HS256',
      confidential('  token_endpoint_auth_method: client_secret_jwt'),
      'client_secret has fewer than the 32 characters',
    ],
    [
      'an unknown method',
      confidential('  token_endpoint_auth_method: basic'),
      'token_endpoint_auth_method "basic" is not one of',
    ],
    [
      'mTLS',
      confidential('  token_endpoint_auth_method: tls_client_auth'),
      'token_endpoint_auth_method "tls_client_auth" is not one of',
    ],
    [
      'private_key_jwt without keys',
      '- client_id: a\n  token_endpoint_auth_method: private_key_jwt\n  redirect_uris: [https://a.example/]',
      'jwks is missing',
    ],
    [
      'keys in two ways',
      confidential('  jwks: { keys: [{ kty: EC }] }\n  jwks_uri: https://a.example/'),
      'c.yaml:6, client "shop": jwks_uri stands beside jwks',
    ],
    ['a private key', confidential(`  jwks: { keys: [{ kty: EC, d: ${CANARY} }] }`), 'jwks holds a private key'],
    ['a symmetric key', confidential(`  jwks: { keys: [{ kty: oct, k: ${CANARY} }] }`), 'jwks holds a private key'],
    ['keys that are none', confidential('  jwks: { keys: [] }'), 'jwks is not a JWK set'],
    [
      'an algorithm that does not fit',
      confidential('  token_endpoint_auth_signing_alg: RS256'),
      'token_endpoint_auth_signing_alg means nothing',
    ],
    [
      'an ID token algorithm without a key',
      confidential('  id_token_signed_response_alg: EdDSA'),
      'id_token_signed_response_alg is EdDSA, for which there is no key',
    ],
    [
      'an unsigned ID token',
      confidential('  id_token_signed_response_alg: none'),
      'id_token_signed_response_alg "none" is not one of',
    ],
    [
      'keys over http',
      confidential('  jwks_uri: http://keys.example/'),
      'jwks_uri is http on a host that OUTGOING_ALLOW does not name',
    ],
    [
      'a logout address over http',
      confidential('  backchannel_logout_uri: http://out.example/'),
      'backchannel_logout_uri is http on a host',
    ],
    [
      'a logout address with a fragment',
      confidential('  backchannel_logout_uri: https://out.example/#a'),
      'backchannel_logout_uri has a fragment',
    ],
    ['a logo over http', confidential('  logo_uri: http://localhost/logo.png'), 'logo_uri is not an https address'],
    ['a logo in itself', confidential('  logo_uri: data:image/png;base64,AAAA'), 'logo_uri is not an https address'],
    ['a script for a page', confidential('  tos_uri: javascript:alert(1)'), 'tos_uri is not an https address'],
    [
      'a name with hidden letters',
      confidential('').replace('Shop', '"Sh\\u202eop"'),
      'client_name is not text of at most 100',
    ],
    ['an unknown scope', confidential('  scope: openid admin'), 'scope holds a scope that does not exist'],
    ['an unknown strength', confidential('  minimum_acr: selfie'), 'minimum_acr "selfie" is not one of'],
    ['scopes that are no text', confidential('  scope: [openid]'), 'scope is not text'],
    ['a scope twice', confidential('  scope: openid email openid'), 'scope holds "openid" twice'],
    ['a scope that cannot be one', confidential('  scope: openid ä'), 'scope holds what cannot be a scope'],
    [
      'a strength without its workflow',
      confidential('  minimum_acr: urn:selfie-oidc:acr:selfie-active'),
      'minimum_acr asks for an active selfie',
    ],
    [
      'a default strength without its workflow',
      confidential('  default_acr_values: ["urn:selfie-oidc:acr:selfie-active"]'),
      'default_acr_values asks for an active selfie',
    ],
    ['a workflow that is none', confidential('  vendor_workflow: my workflow'), 'vendor_workflow is not a workflow id'],
    ['a yes that is no YAML 1.2', confidential('  first_party: yes'), 'first_party is neither true nor false'],
    ['an age below zero', confidential('  default_max_age: -1'), 'default_max_age is not a whole number'],
    [
      'pairwise over several hosts',
      confidential('  subject_type: pairwise').replace('cb]', 'cb, https://other.example/cb]'),
      'sector_identifier_uri is missing',
    ],
  ])('%s', (_what, text, fault) => {
    const { told, faults } = read(text);
    expect(told).toEqual([expect.stringContaining(fault)]);
    expect(faults[0]?.fix).not.toBe('');
  });

  test('a secret under 32 characters, in production', () => {
    expect(read(confidential(''), PRODUCTION).told).toEqual([
      'c.yaml:2, client "shop": client_secret has fewer than 32 characters',
    ]);
  });

  test.each([
    ['the words of an example', 'at least 32 characters, made with "openssl rand -base64 33"', 'is the placeholder'],
    ['a placeholder that is long enough', 'CHANGE_ME-CHANGE_ME-CHANGE_ME-CHANGE_ME', 'is the placeholder'],
  ])('a secret that is no secret, in production: %s', (_what, secret, problem) => {
    const text = confidential('').replace(CANARY, secret);
    expect(read(text, PRODUCTION).told).toEqual([expect.stringContaining(`client_secret ${problem}`)]);
    expect(read(text).told).toEqual([]);
  });

  test('everything at once, in the order of lines, with suggestions', () => {
    const { faults, clients } = read(`- client_id: a
  respones_types: [code]
  grant_types: [implicit, password]
- just text
- client_id: b
  token_endpoint_auth_method: client_secret_pots
  redirect_uris:
    - http://b.example/
    - https://b.example/#x
- client_id: a
  client_secret: fine
  redirect_uris: [https://c.example/cb]
`);
    expect(faults.map((fault) => `${fault.where.slice('c.yaml:'.length)} → ${fault.fix}`)).toEqual([
      '1, client "a" → add a secret (openssl rand -base64 33), or token_endpoint_auth_method: none for a public client',
      '2, client "a" → did you mean response_types?',
      '3, client "a" → write one of authorization_code, refresh_token',
      '3, client "a" → write one of authorization_code, refresh_token',
      '4, client 2 → write names and values: client_id: my-app',
      '6, client "b" → did you mean client_secret_post?',
      '8, client "b" → write https; plain http is for localhost, 127.0.0.1 and [::1] only',
      '9, client "b" → leave out # and what follows',
      '10, client "a" → give each client its own',
    ]);
    expect(clients.map((client) => client.client_id)).toEqual(['a']);
  });

  test.each([
    ['a map', 'clients:\n  - client_id: a', 'c.yaml:1: is not a list of clients'],
    ['an alias', '- &a\n  client_id: a\n- *a', 'c.yaml:2: has an alias'],
    ['a tag', '- !x\n  client_id: a', 'c.yaml:1: has a tag (!…)'],
    ['two documents', '- client_id: a\n---\n- client_id: b', 'c.yaml:2: is the start of a second document'],
    ['an open quote', `- client_id: a\n  client_secret: "${CANARY}`, 'c.yaml:2: is not well-formed YAML'],
    ['a secret with a colon', `- client_id: a\n  client_secret: x: ${CANARY}`, 'c.yaml:2: is not well-formed YAML'],
    ['a tab before a name', '- client_id: a\n\tclient_name: b', 'c.yaml:2: is indented with a tab'],
    ['a tab in a list', '- client_id: a\n  redirect_uris: [a,\n\tb]', 'c.yaml:3: is indented with a tab'],
    [
      'an open bracket',
      '- client_id: a\n  redirect_uris: [https://a.example/cb,\n    https://b.example/cb\n  client_name: b\n',
      'c.yaml:2: has a bracket that is not closed',
    ],
    [
      'an open brace',
      '- client_id: a\n  jwks: {keys: [1]\n- client_id: b\n',
      'c.yaml:2: has a bracket that is not closed',
    ],
    ['brackets without end', '['.repeat(100_000), 'c.yaml'],
  ])('a file that is or has %s', (_what, text, fault) => {
    expect(read(text).told.join('\n')).toContain(fault);
  });

  test.each(['', '# nothing yet\n', '[]'])('a file without a client is warned of: %j', (text) => {
    expect(read(text)).toMatchObject({ faults: [], warnings: ['c.yaml: names no client'] });
  });

  test('a bomb of aliases, at once', () => {
    const bomb = Array.from(
      { length: 30 },
      (_, row) => `a${row}: &a${row} [${row ? `*a${row - 1},*a${row - 1}` : 'x'}]`,
    ).join('\n');
    expect(read(bomb).faults).toHaveLength(30);
  });
});
