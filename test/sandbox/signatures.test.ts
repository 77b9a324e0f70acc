import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { hmacHex, signBody, simpleText } from '../../src/sandbox/signatures.ts';
import { canonicalJson, canonicalNumber, writeJson } from '../../src/sandbox/wire-json.ts';

const A = 'example-webhook-secret-not-a-real-one-00001';
const B = 'zweites-Geheimnis-nur-fuer-Testvektoren-002';

interface Vector {
  name: string;
  secret: string;
  body: string;
  s: string;
  v2: string;
  simple: string;
}

const vectors: Vector[] = [
  {
    name: 'T1, plain',
    secret: A,
    body: '{"created_at":1767225540,"event_id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","session_id":"11111111-2222-4333-8444-555555555555","status":"In Progress","timestamp":1767225600,"vendor_data":"user-42","webhook_type":"status.updated"}',
    s: '24a588bb96f4feedac677dbe9e43a9f5ea1ecfa81647be29b1ce68036b791b83',
    v2: '24a588bb96f4feedac677dbe9e43a9f5ea1ecfa81647be29b1ce68036b791b83',
    simple: '4a3d5758c7691d1f007b3ed32bb3987a9a411671bd24718b1fdd1ff48d9fa557',
  },
  {
    name: 'T2, Unicode',
    secret: A,
    body: String.raw`{"created_at":1767225540,"decision":{"face_matches":[{"score":100,"status":"Approved"}],"liveness_checks":[{"method":"PASSIVE","score":96.5,"status":"Approved"}]},"event_id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","metadata":{"city":"\u6771\u4eac","mood":"\ud83d\ude42","name":"Jos\u00e9 N\u00fa\u00f1ez"},"session_id":"11111111-2222-4333-8444-555555555555","status":"Approved","timestamp":1767225600,"vendor_data":"user-42","webhook_type":"status.updated"}`,
    s: '6ed4bf19eee66f4ec31225ca9e6f7d73ad5433e9719c66d4cf8fef8be4fa0145',
    v2: 'd595c3cb25341e02b94269c0e41821ac88cbe7ec229ec9728cf0ba61b3e09ee8',
    simple: '608219abbf42d22c9fcb62bb86f5c4ba48f24c3897cf6c54c2c40456d31d6b29',
  },
  {
    name: 'T3, unsorted with floats',
    secret: A,
    body: '{"webhook_type": "status.updated", "timestamp": 1767225600, "status": "Declined", "session_id": "11111111-2222-4333-8444-555555555555", "decision": {"liveness_checks": [{"score": 1.0, "method": "PASSIVE"}], "face_matches": [{"score": 96.50}], "x": [0.1, 100.00, -0.0, 2e3, 12.340]}}',
    s: '697cf23fe8d949d407cbbaef3c1ebb95ef5ff37d180a5423dc6fd2a9c48dc289',
    v2: '06c4a869271f36889cce6f31d2878648f36473f3207a638f5e14a93e6c17700b',
    simple: 'f923b3093f7d3f7bf691df39dee5ae09b3d0adc0ac68c1ba46b1a3068ef8eacc',
  },
  {
    name: 'T4, exponents',
    secret: A,
    body: '{"a":0.00001,"b":0.0001,"c":1.5e-7,"d":123456789.125,"e":10000000000000000.0,"session_id":"11111111-2222-4333-8444-555555555555","status":"In Review","timestamp":1767225600,"webhook_type":"data.updated"}',
    s: 'c4112843088ddbec4717042b15a38ba852fbce7e6e08050be9ec7e9aa4014358',
    v2: 'bd33dac8b19f06e1c45f5b416954fd75bb9322ec88fd260ed42f94a6b2c8efec',
    simple: 'd0dd15598756dad14b9767e274de6282158899a652cfd0b1f15b4641d53dff59',
  },
  {
    name: 'T5, escapes',
    secret: B,
    body: String.raw`{"metadata":{"html":"<a href=\"/x?a=1&b=2\">\u2028\u2029\/</a>","ctl":"\u0001\b\f\n\r\t\u007f\\","empty":{},"list":[],"nul":null,"t":true},"session_id":"11111111-2222-4333-8444-555555555555","status":"Kyc Expired","timestamp":1767225600,"webhook_type":"status.updated"}`,
    s: '110a4757fb1010f98f3352db0277f54eda9cc2e0ba54d98ff9009ecffbea6216',
    v2: 'fb0902fbf625836f27367e04f0cc7a46a5442bafd8733f5412c8997c3613af74',
    simple: '18a25ce6815d84a72a2db6173178d67a86101c35f5a69cefa881928e10e20d48',
  },
  {
    name: 'T6, key order',
    secret: B,
    body: String.raw`{"metadata":{"z":1,"Z":2,"\uff61":3,"\ud83d\ude42":4,"\u00e9":5,"10":6,"9":7,"_":8},"session_id":"11111111-2222-4333-8444-555555555555","status":"Abandoned","timestamp":1767225600,"webhook_type":"status.updated"}`,
    s: 'ebee2371fe20e1f558e4c3c86e2fe33a8327f37df6f6cbdb0c9a13563dc61f86',
    v2: 'c741da078a54a6c19ae3765d2595020952bb7efea895a46956cdc0177f22ff83',
    simple: 'fab7283e1380afaaa0e33329592b974c862b4ad03766f51d3bf440481fd360f0',
  },
  {
    name: 'T7, no session',
    secret: A,
    body: '{"event_id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","previous_status":"ACTIVE","status":"BLOCKED","timestamp":1767225600,"vendor_data":"user-42","webhook_type":"user.status.updated"}',
    s: 'fd3bdb87d4235fe182602279405154d7fc434a0f0fac686dbc9a0cc059925640',
    v2: 'fd3bdb87d4235fe182602279405154d7fc434a0f0fac686dbc9a0cc059925640',
    simple: 'bb6f7784ec17908e9f5180a1d3c3f970efee96e9702403d2e329ac62056ee682',
  },
];

test.each(vectors)('the signer reproduces the documented vector $name', ({ secret, body, s, v2, simple }) => {
  expect(signBody(body, secret)).toEqual({ 'X-Signature': s, 'X-Signature-V2': v2, 'X-Signature-Simple': simple });
});

test('the canonical forms of T5 and T6 have the documented length and hash', () => {
  const t5 = Buffer.from(canonicalJson(vectors[4]?.body ?? ''));
  const t6 = Buffer.from(canonicalJson(vectors[5]?.body ?? ''));
  expect([t5.length, sha256(t5)]).toEqual([257, '68c7ff54b4a7132fb145513f8e257076404cc03813075b510bf4a389092b268c']);
  expect([t6.length, sha256(t6)]).toEqual([197, '89f52508ff17414982dd6a97cc83446a2eee6fc87a298aafa38d69016f1342dc']);
});

test('the Simple text of a body without a session leaves that place empty', () => {
  expect(simpleText(vectors[6]?.body ?? '')).toBe('1767225600::BLOCKED:user.status.updated');
});

test.each([
  ['1e22', '10000000000000000000000'],
  ['9007199254740993', '9007199254740993'],
  ['-0', '0'],
  ['0.00012', '0.00012'],
  ['-1.5E-5', '-1.5e-05'],
  ['5e-324', '5e-324'],
  ['0.30000000000000004', '0.30000000000000004'],
])('number %s is written as Python writes it, %s', (source, text) => {
  expect(canonicalNumber(source)).toBe(text);
});

test('the three wire forms differ in bytes and agree in canonical form', () => {
  const value = { b: 'José 🙂', a: { score: 96.5 } };
  const forms = (['escaped', 'unescaped', 'unsorted'] as const).map((form) => writeJson(value, form));
  expect(forms).toEqual([
    String.raw`{"a":{"score":96.5},"b":"Jos\u00e9 \ud83d\ude42"}`,
    '{"a":{"score":96.5},"b":"José 🙂"}',
    '{"b": "José 🙂", "a": {"score": 96.50}}',
  ]);
  expect(new Set(forms.map(canonicalJson)).size).toBe(1);
});

test('a body that is no JSON is signed over its bytes', () => {
  expect(signBody('not json', A)['X-Signature-V2']).toBe(hmacHex(A, 'not json'));
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
