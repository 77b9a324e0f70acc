// The door for deliveries: what is believed, what is refused and why (T5, T6, T7, T8).

import { describe, expect, test } from '@jest/globals';
import type { DeliveryReading, RawDelivery } from '../../src/login/ports.ts';
import { readDelivery } from '../../src/vendors/didit/webhook.ts';
import {
  decision,
  delivery,
  event,
  hmac,
  NOW,
  OTHER_SECRET,
  SECRET,
  SESSION,
  signed,
  signedEvent,
} from './deliveries.ts';
import { VECTOR_TIME, vectors } from './vectors.ts';

const SECRETS = [SECRET, OTHER_SECRET];

function read(raw: RawDelivery, secrets: readonly string[] = SECRETS, now = NOW): DeliveryReading {
  return readDelivery(raw, { secrets, now });
}

function believed(raw: RawDelivery, now = NOW) {
  const reading = read(raw, SECRETS, now);
  if (reading.kind !== 'believed') throw new Error(`refused: ${reading.reason}`);
  return reading;
}

function verdictOf(raw: RawDelivery) {
  const { event: told } = believed(raw);
  if (told.kind !== 'verification') throw new Error(`expected a verification, got ${told.type}`);
  return told.verdict;
}

describe.each(vectors)('vector $name', (vector) => {
  const at = { 'x-timestamp': String(VECTOR_TIME) };

  test('is believed by its V2 signature, over the canonical form or the raw bytes', () => {
    for (const signature of [vector.v2, vector.signature]) {
      const reading = read(delivery(vector.wire, { ...at, 'x-signature-v2': signature }));
      expect(reading.kind).toBe('believed');
    }
  });

  test('is refused under the other secret alone, and with none configured', () => {
    const raw = delivery(vector.wire, { ...at, 'x-signature-v2': vector.v2 });
    const others = SECRETS.filter((secret) => secret !== vector.secret);
    expect(read(raw, others)).toEqual({ kind: 'refused', status: 401, reason: 'bad-signature' });
    expect(read(raw, [])).toEqual({ kind: 'refused', status: 401, reason: 'bad-signature' });
  });

  test('no other signature of it passes as V2, and no other header counts (T6)', () => {
    for (const wrong of [vector.simple, ...Object.values(vector.wrong ?? {})]) {
      expect(read(delivery(vector.wire, { ...at, 'x-signature-v2': wrong }))).toMatchObject({ status: 401 });
    }
    const weaker = { ...at, 'x-signature': vector.signature, 'x-signature-simple': vector.simple };
    expect(read(delivery(vector.wire, weaker))).toEqual({ kind: 'refused', status: 401, reason: 'unsigned' });
    expect(read(delivery(vector.wire, { ...weaker, 'x-signature-v2': '' }))).toMatchObject({ reason: 'unsigned' });
    expect(read(delivery(vector.wire, { ...weaker, 'x-signature-v2': '0'.repeat(64) }))).toMatchObject({
      reason: 'bad-signature',
    });
  });

  test('one changed, missing or added byte is refused', () => {
    const bytes = new TextEncoder().encode(vector.wire);
    const refuse = (body: Uint8Array) =>
      expect(read(delivery(body, { ...at, 'x-signature-v2': vector.v2 })).kind).toBe('refused');
    for (let i = 0; i < bytes.length; i += 7) {
      const flipped = bytes.slice();
      flipped[i] = (flipped[i] ?? 0) ^ 1;
      // a flip in a number's last zeros or in blank space can mean the same value, which is what was signed
      if (new TextDecoder().decode(flipped).includes('"')) {
        const reading = read(delivery(flipped, { ...at, 'x-signature-v2': vector.v2 }));
        if (reading.kind === 'believed') expect(sameMeaning(flipped, bytes)).toBe(true);
      }
    }
    refuse(bytes.slice(0, -1));
    refuse(bytes.slice(0, 20));
    refuse(new Uint8Array());
    refuse(new TextEncoder().encode(`${vector.wire}x`));
    refuse(new TextEncoder().encode(vector.wire.replace('1111', '1112').replace('BLOCKED', 'ACTIVE')));
  });
});

function sameMeaning(a: Uint8Array, b: Uint8Array): boolean {
  const parse = (bytes: Uint8Array) => JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)));
  return parse(a) === parse(b);
}

describe('the signature header', () => {
  const text = JSON.stringify(event());
  const right = hmac(SECRET, text);

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['truncated', right.slice(0, 63)],
    ['too long', `${right}0`],
    ['upper case', right.toUpperCase()],
    ['prefixed', `sha256=${right}`],
    ['doubled', `${right}, ${right}`],
    ['no hex', 'z'.repeat(64)],
    ['padded', ` ${right}`],
  ])('%s is unsigned', (_name, header) => {
    expect(read(delivery(text, { 'x-signature-v2': header }))).toEqual({
      kind: 'refused',
      status: 401,
      reason: 'unsigned',
    });
  });

  test('of another body does not fit', () => {
    expect(read(delivery(text, { 'x-signature-v2': hmac(SECRET, `${text} `) }))).toMatchObject({
      reason: 'bad-signature',
    });
  });

  test('the empty message has no signature that counts for a body that cannot be read', () => {
    expect(read(delivery('{', { 'x-signature-v2': hmac(SECRET, '') }))).toMatchObject({ reason: 'bad-signature' });
  });

  test('either secret is taken while they rotate, and the matching form is told', () => {
    const forms: string[] = [];
    const rules = { secrets: SECRETS, now: NOW, onSigned: (form: string) => void forms.push(form) };
    const spaced = JSON.stringify(event(), null, 1);
    readDelivery(signed(spaced, {}, OTHER_SECRET), rules);
    readDelivery(delivery(vectors[0]?.wire ?? '', { 'x-signature-v2': vectors[0]?.v2 ?? '' }), rules);
    expect(forms).toEqual(['raw', 'canonical']);
  });
});

describe('freshness (T7)', () => {
  test.each([
    [-300, 'believed'],
    [300, 'believed'],
    [-301, 'refused'],
    [301, 'refused'],
  ])('%d seconds apart: %s', (apart, kind) => {
    const reading = read(signedEvent(), SECRETS, NOW + apart);
    expect(reading.kind).toBe(kind);
    if (kind === 'refused') {
      expect(reading).toEqual({ kind: 'refused', status: 401, reason: 'stale', lookAt: SESSION });
    }
  });

  test('a fresh header does not freshen an old body', () => {
    const later = NOW + 4000;
    expect(read(signedEvent({}, { 'x-timestamp': String(later) }), SECRETS, later)).toMatchObject({
      status: 401,
      reason: 'stale',
    });
  });

  test.each([undefined, '', 'now', `${NOW}.0`, ` ${NOW}`, `0${NOW}`, String(NOW + 1)])(
    'a header of %j is stale',
    (header) => {
      expect(read(signedEvent({}, { 'x-timestamp': header }))).toMatchObject({ status: 401, reason: 'stale' });
    },
  );

  test.each([undefined, null, String(NOW), NOW + 0.5, [NOW]])(
    'a body time of %j is stale, and worth one look',
    (timestamp) => {
      expect(read(signedEvent({ timestamp }))).toEqual({
        kind: 'refused',
        status: 401,
        reason: 'stale',
        lookAt: SESSION,
      });
    },
  );

  test('created_at is not the time of sending', () => {
    expect(read(signedEvent({ timestamp: undefined, created_at: NOW }))).toMatchObject({ reason: 'stale' });
  });

  test('only a well-signed session event is worth a look', () => {
    const old = NOW - 1000;
    const at = { 'x-timestamp': String(old) };
    const unsigned = delivery(JSON.stringify(event({ timestamp: old })), { ...at, 'x-signature-v2': 'a'.repeat(64) });
    expect(read(unsigned)).not.toHaveProperty('lookAt');
    expect(read(signedEvent({ timestamp: old, webhook_type: 'user.status.updated' }, at))).not.toHaveProperty('lookAt');
    expect(read(signedEvent({ timestamp: old, session_id: 'x' }, at))).not.toHaveProperty('lookAt');
    expect(read(signedEvent({ timestamp: old, metadata: { test_webhook: true } }, at))).not.toHaveProperty('lookAt');
    expect(read(signedEvent({ timestamp: old, webhook_type: undefined }, at))).toHaveProperty('lookAt', SESSION);
  });
});

describe('the body', () => {
  const text = JSON.stringify(event());

  test.each([
    undefined,
    '',
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/x-www-form-urlencoded',
  ])('of content type %j is refused with 415', (type) => {
    expect(read(signed(text, { 'content-type': type }))).toMatchObject({ status: 415, reason: 'content-type' });
  });

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/json;charset="utf-8"',
  ])('of content type %j is read', (type) => {
    expect(read(signed(text, { 'content-type': type })).kind).toBe('believed');
  });

  test('of no encoding, said by its name, is read', () => {
    expect(read(signed(text, { 'content-encoding': 'identity' })).kind).toBe('believed');
  });

  test('compressed is refused with 415', () => {
    expect(read(signed(text, { 'content-encoding': 'gzip' }))).toMatchObject({
      status: 415,
      reason: 'content-encoding',
    });
  });

  test('of 1 MiB is read, of one byte more refused with 413 before any work', () => {
    const padded = (size: number) => text + ' '.repeat(size - Buffer.byteLength(text));
    expect(read(signed(padded(1_048_576))).kind).toBe('believed');
    expect(read(signed(padded(1_048_577)))).toEqual({ kind: 'refused', status: 413, reason: 'too-large' });
  });

  test.each([
    ['syntax', '{"a":'],
    ['syntax', ''],
    ['syntax', `\ufeff${text}`],
    ['not-a-number', '{"score":NaN}'],
    ['number-range', '{"score":1e999}'],
    ['lone-surrogate', '{"name":"\\ud83d"}'],
    ['too-deep', '['.repeat(100) + ']'.repeat(100)],
    ['duplicate-keys', '{"status":"Declined","status":"Approved"}'],
    ['duplicate-keys', '{"decision":{"face_matches":[{"status":"Declined","status":"Approved"}]}}'],
    ['not-an-object', '[]'],
    ['not-an-object', 'null'],
    ['not-an-object', '"Approved"'],
  ])('%s: 400 when signed, 401 when not: %#', (reason, body) => {
    expect(read(signed(body))).toEqual({ kind: 'refused', status: 400, reason });
    expect(read(delivery(body, { 'x-signature-v2': 'a'.repeat(64) }))).toMatchObject({ status: 401 });
  });

  test('repeated keys signed over their last-wins canonical form are told apart from a forgery', () => {
    const body = '{"status": "Declined", "status": "Approved"}';
    const canonical = hmac(SECRET, '{"status":"Approved"}');
    expect(read(delivery(body, { 'x-signature-v2': canonical }))).toMatchObject({
      status: 400,
      reason: 'duplicate-keys',
    });
  });

  test('that is not UTF-8: 400 when signed, 401 when not', () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(read(signed(bytes))).toEqual({ kind: 'refused', status: 400, reason: 'not-utf8' });
    expect(read(delivery(bytes, { 'x-signature-v2': 'a'.repeat(64) }))).toMatchObject({ status: 401 });
  });
});

describe('what kind of event it is', () => {
  test('a session event is a verification with its verdict', () => {
    expect(verdictOf(signedEvent())).toMatchObject({
      verificationId: SESSION,
      status: 'approved',
      decidedAt: NOW,
      subject: 'user-42',
      workflowId: 'wf-passive',
      environment: 'live',
      complete: true,
    });
  });

  test.each([
    ['user.status.updated', {}],
    ['business.status.updated', {}],
    ['transaction.created', {}],
    ['travel_rule.status.updated', {}],
    ['activity.created', { session_id: undefined }],
    ['something.new', {}],
  ])('%s is believed and of no concern', (type, changes) => {
    expect(believed(signedEvent({ webhook_type: type, ...changes })).event).toEqual({ kind: 'other', type });
  });

  test('a type unfit for a label is not passed on', () => {
    expect(believed(signedEvent({ webhook_type: 'Person "Ana" did' })).event).toEqual({
      kind: 'other',
      type: 'unknown',
    });
    expect(believed(signedEvent({ session_kind: 'business' })).event).toEqual({ kind: 'other', type: 'business' });
  });

  test('data.updated counts with a decision only', () => {
    expect(believed(signedEvent({ webhook_type: 'data.updated' })).event.kind).toBe('verification');
    expect(believed(signedEvent({ webhook_type: 'data.updated', decision: undefined })).event).toEqual({
      kind: 'other',
      type: 'data.updated',
    });
  });

  test.each([undefined, null, '', 'x', 'AAAAAAAA-2222-4333-8444-555555555555', `${SESSION} `, 42, '../admin'])(
    'a session event about session %j is refused',
    (session_id) => {
      for (const webhook_type of ['status.updated', 'data.updated', undefined]) {
        expect(read(signedEvent({ session_id, webhook_type }))).toEqual({
          kind: 'refused',
          status: 400,
          reason: 'no-session',
        });
      }
    },
  );

  test('without a type but with a session it is a session event', () => {
    expect(verdictOf(signedEvent({ webhook_type: undefined })).verificationId).toBe(SESSION);
  });

  test.each([
    ['by its header', {}, { 'x-didit-test-webhook': 'true' }],
    ['by its metadata', { metadata: { test_webhook: true } }, {}],
    ['by metadata in a string', { metadata: '{"test_webhook":true}' }, {}],
  ])('a test send, known %s, never touches a login', (_how, changes, headers) => {
    expect(believed(signedEvent(changes, headers)).event).toEqual({ kind: 'other', type: 'test' });
  });

  test('another environment is believed, and named for the verdict check', () => {
    const raw = signedEvent({ environment: 'sandbox', decision: decision({ environment: 'sandbox' }) });
    expect(verdictOf(raw).environment).toBe('sandbox');
  });

  test('an environment of null is none that is named: what the decision says of it counts', () => {
    const named = signedEvent({ environment: null, decision: decision({ environment: 'sandbox' }) });
    expect(verdictOf(named)).toMatchObject({ status: 'approved', environment: 'sandbox' });
    const nowhere = signedEvent({ environment: null, decision: decision({ environment: null }) });
    expect(verdictOf(nowhere)).toMatchObject({ status: 'approved', environment: null });
  });
});

describe('the event key', () => {
  const key = (changes: object = {}, headers: object = {}, now = NOW) =>
    believed(signedEvent({ ...changes }, { ...headers }), now).eventKey;

  test('is the same for every copy, a resend with a fresh time included', () => {
    expect(key()).toBe(key());
    const later = NOW + 3600;
    expect(key({ timestamp: later }, { 'x-timestamp': String(later) }, later)).toBe(key());
  });

  test('differs where the event does, even if its id was used twice', () => {
    const others = [
      { event_id: 'other' },
      { status: 'Declined', decision: decision({ status: 'Declined' }) },
      { webhook_type: 'data.updated' },
      { session_id: SESSION.replace('1', '2'), decision: undefined },
    ];
    const keys = [key(), ...others.map((changes) => key(changes))];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('without an id is made of session, type, status and time', () => {
    const at = { 'x-timestamp': String(NOW + 1) };
    expect(key({ event_id: undefined })).toBe(key({ event_id: '' }));
    expect(key({ event_id: undefined, timestamp: NOW + 1 }, at)).not.toBe(key({ event_id: undefined }));
  });

  test('of a test send cannot use up that of the true event', () => {
    // the test header is not signed: whoever sits between could add it
    expect(key({}, { 'x-didit-test-webhook': 'true' })).not.toBe(key());
  });
});

describe('whatever is in a well-signed body', () => {
  const junk = [null, true, 0, -1, 1e300, '', 'x', [], [null], [[]], {}, { a: 1 }, [{ status: 5, warnings: {} }]];
  const keys = [...Object.keys(event()), 'resubmit_info', 'session_kind', 'liveness', 'face', 'liveness_checks'];
  const inner = [...Object.keys(decision()), 'nfc_verifications', 'ip_analysis', 'kyc', 'warnings'];

  test('nothing throws, and junk is no success', () => {
    for (const value of junk) {
      for (const name of keys) {
        expect(() => read(signedEvent({ [name]: value }))).not.toThrow();
      }
      for (const name of inner) {
        const reading = read(signedEvent({ decision: decision({ [name]: value }) }));
        expect(reading.kind).toBe('believed');
      }
    }
  });
});
