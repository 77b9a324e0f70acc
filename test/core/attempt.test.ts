import { describe, expect, test } from '@jest/globals';
import { advance } from '../../src/core/advance.ts';
import {
  type AttemptEvent,
  type AttemptLimits,
  bestProof,
  isLive,
  isUnanswered,
  isWithoutResult,
  type LoginAttempt,
  triesLeft,
  type Verification,
} from '../../src/core/attempt.ts';
import type { Proof } from '../../src/core/verdict.ts';
import type { VerificationStatus } from '../../src/core/verdict-types.ts';

const NOW = 1_800_000_000;
const limits: AttemptLimits = { tries: 3, ttlSeconds: 600, reviewWaitSeconds: 600 };

const missed: AttemptEvent = { kind: 'look-missed', verificationId: 'v1', why: 'unknown' };

const proof: Proof = {
  verificationId: 'v1',
  purpose: 'login',
  method: 'passive',
  acr: 'urn:selfie-oidc:acr:selfie',
  amr: ['face'],
  authTime: NOW,
};
const running: Verification = {
  id: 'v1',
  purpose: 'login',
  workflowId: 'w',
  method: 'passive',
  openedAt: NOW - 20,
  returnTokens: ['token-1'],
  status: 'in-progress',
  statusAt: NOW - 10,
  phoneToken: 'phone-1',
};
const accepted: Verification = { ...running, status: 'approved', statusAt: NOW, conclusion: 'accepted', captures: [] };
const lost: Verification = { ...running, status: 'declined', statusAt: NOW, conclusion: 'refused', failedChecks: [] };

const active = {
  method: 'active',
  key: false,
  acr: 'urn:selfie-oidc:acr:selfie-active',
  floors: [],
  workflowId: 'w2',
} as const;

const open: LoginAttempt = {
  uid: 'u1',
  clientId: 'app',
  state: 'open',
  claimant: { kind: 'account', accountId: 'a1' },
  subject: 's1',
  identifierKey: 'i1',
  sealed: 'sealed-person',
  required: { method: 'passive', key: false, acr: 'urn:selfie-oidc:acr:selfie', floors: [], workflowId: 'w' },
  reasons: [],
  locales: [],
  next: 'login',
  browser: 'b1',
  knownDevice: false,
  origin: { address: '192.0.2.1', browserFamily: 'chrome', platform: 'desktop', label: 'Chrome', startedAt: NOW - 30 },
  claims: [],
  createdAt: NOW - 30,
  expiresAt: NOW + 570,
  latestEnd: NOW + 1_700,
  verifications: [],
  wrongNumbers: 0,
  proofs: [],
  factors: [],
};
const STATES = {
  open,
  waiting: { ...open, verifications: [running] },
  refused: { ...open, verifications: [lost] },
  settled: { ...open, state: 'settled', verifications: [accepted], proofs: [proof] },
  spent: { ...open, state: 'spent', verifications: [accepted], proofs: [proof], accountId: 'a1' },
  ended: { ...open, state: 'ended', endReason: 'aborted', verifications: [running] },
  lapsed: { ...open, verifications: [running], expiresAt: NOW },
} as const satisfies Record<string, LoginAttempt>;
type StateName = keyof typeof STATES;

const second: Verification = { ...running, id: 'v2', returnTokens: ['token-2'], statusAt: NOW };
const refusedBy = (status: VerificationStatus) => ({ kind: 'refused', status, failed: ['not-approved'] }) as const;
const EVENTS = {
  opened: { kind: 'opened', verification: second, sealed: 'sealed-2', claim: 'c2' },
  reopened: { kind: 'reopened', verificationId: 'v1', sealed: 'sealed-3', phoneToken: 'phone-2' },
  'phone-used': { kind: 'phone-used', phoneToken: 'phone-1' },
  returned: { kind: 'returned', returnToken: 'token-1', here: true },
  'returned elsewhere': { kind: 'returned', returnToken: 'token-1', here: false },
  'in review': { kind: 'status', verificationId: 'v1', status: 'in-review', decidedAt: NOW },
  approved: {
    kind: 'concluded',
    verificationId: 'v1',
    decidedAt: NOW,
    captures: [],
    result: { kind: 'accepted', proof },
  },
  declined: { kind: 'concluded', verificationId: 'v1', decidedAt: NOW, captures: [], result: refusedBy('declined') },
  discarded: { kind: 'discarded', verificationId: 'v1', failed: ['captured-elsewhere'] },
  'right number': { kind: 'number', right: true },
  'wrong number': { kind: 'number', right: false },
  enrolled: { kind: 'enrolled', accountId: 'a1', subject: 's1' },
  're-enrol-asked': { kind: 're-enrol-asked' },
  're-enrol-chosen': { kind: 're-enrol-chosen', renewal: 'waits' },
  raised: { kind: 'raised', required: active, reasons: ['new-device'] },
  consented: { kind: 'consented', version: '1' },
  'factor enough': { kind: 'factor', proof: { factor: 'passkey', at: NOW, rests: [] }, enough: true },
  'factor not enough': { kind: 'factor', proof: { factor: 'email', at: NOW, rests: [] }, enough: false },
  mailed: { kind: 'mailed', purpose: 'enrol', code: 'hash' },
  'right code': { kind: 'code', right: true },
  finished: { kind: 'finished', accountId: 'a1', signOuts: 0, judged: ['v1'] },
  'look missed': { kind: 'look-missed', verificationId: 'v1', why: 'unanswered' },
  ended: { kind: 'ended', reason: 'denied' },
} as const satisfies Record<string, AttemptEvent>;
type EventName = keyof typeof EVENTS;

// a row an event, a column a state: m moved, u unchanged, r refused
const TABLE: Record<EventName, string> = {
  //                    open waiting refused settled spent ended lapsed
  opened: /*              */ 'm  r  m  r  r  r  r',
  reopened: /*            */ 'r  m  r  m  r  r  r',
  'phone-used': /*        */ 'r  m  m  m  r  r  r',
  returned: /*            */ 'r  m  m  m  r  r  r',
  'returned elsewhere': /**/ 'r  m  m  m  r  r  r',
  'in review': /*         */ 'r  m  u  u  r  r  r',
  approved: /*            */ 'r  m  u  u  r  r  r',
  declined: /*            */ 'r  m  u  m  r  r  r',
  discarded: /*           */ 'r  r  r  m  r  r  r',
  'right number': /*      */ 'r  m  m  m  r  r  r',
  'wrong number': /*      */ 'r  m  m  m  r  r  r',
  enrolled: /*            */ 'r  r  r  m  r  r  r',
  're-enrol-asked': /*    */ 'm  m  m  m  r  r  r',
  're-enrol-chosen': /*   */ 'm  r  m  r  r  r  r',
  raised: /*              */ 'r  r  r  m  r  r  r',
  consented: /*           */ 'm  m  m  m  r  r  r',
  'factor enough': /*     */ 'm  m  m  m  r  r  r',
  'factor not enough': /* */ 'm  m  m  m  r  r  r',
  mailed: /*              */ 'm  m  m  m  r  r  r',
  'right code': /*        */ 'r  r  r  r  r  r  r',
  finished: /*            */ 'r  r  r  m  u  r  r',
  'look missed': /*       */ 'r  m  u  u  r  r  r',
  ended: /*               */ 'm  m  m  m  u  u  m',
};
const KINDS: Record<string, string> = { m: 'moved', u: 'unchanged', r: 'refused' };
const names = Object.keys(STATES) as StateName[];
const cells = (Object.keys(TABLE) as EventName[]).flatMap((event) =>
  TABLE[event].split(/ +/).map((cell, at) => [event, names[at] as StateName, KINDS[cell] as string] as const),
);

describe('every event in every state', () => {
  test('the table has a cell for each', () => {
    expect(cells).toHaveLength(names.length * Object.keys(EVENTS).length);
  });

  test.each(cells)('%s while %s: %s', (event, state, kind) => {
    const before = structuredClone(STATES[state]);
    const step = advance(STATES[state], EVENTS[event], limits, NOW);
    expect(step.kind).toBe(kind);
    // pure: what it was given is as it was, and what did not move is handed back
    expect(STATES[state]).toEqual(before);
    if (step.kind !== 'moved') expect(step.attempt).toBe(STATES[state]);
    if (step.kind === 'refused') expect(step.reason).not.toBe('');
  });

  test.each(cells.filter(([, , kind]) => kind === 'moved'))(
    '%s while %s, twice, is as once, or refused',
    (event, state) => {
      const first = advance(STATES[state], EVENTS[event], limits, NOW);
      const again = advance(first.attempt, EVENTS[event], limits, NOW);
      const counts = ['wrong number', 'reopened', 'mailed', 'look missed'].includes(event);
      if (!counts) expect(again.attempt).toEqual(first.attempt);
    },
  );

  test.each(['spent', 'ended'] as const)('nothing whatever revives an attempt that is %s (T12)', (state) => {
    for (const event of Object.values(EVENTS)) {
      expect(advance(STATES[state], event, limits, NOW).attempt).toEqual(STATES[state]);
    }
  });
});

const moved = (attempt: LoginAttempt, event: AttemptEvent, now = NOW): LoginAttempt => {
  const step = advance(attempt, event, limits, now);
  if (step.kind !== 'moved') throw new Error(`expected a move, got ${JSON.stringify(step)}`);
  return step.attempt;
};
const status = (name: VerificationStatus, decidedAt: number): AttemptEvent => ({
  kind: 'status',
  verificationId: 'v1',
  status: name as 'in-review',
  decidedAt,
});

describe('verdicts in any order (T8)', () => {
  test('an older event changes nothing, and neither does an earlier step of the same second', () => {
    const reviewed = moved(STATES.waiting, status('in-review', NOW));
    expect(advance(reviewed, status('in-progress', NOW - 1), limits, NOW).kind).toBe('unchanged');
    expect(advance(reviewed, status('in-progress', NOW), limits, NOW).kind).toBe('unchanged');
    expect(moved(reviewed, status('resubmitted', NOW + 1)).verifications[0]?.status).toBe('resubmitted');
  });

  test('a verdict counts although the vendor dates it before what we know: its end is its end', () => {
    const step = moved(STATES.waiting, { ...EVENTS.approved, decidedAt: NOW - 300 });
    expect(step.state).toBe('settled');
  });

  test('a final status without a conclusion is refused', () => {
    expect(advance(STATES.waiting, status('approved', NOW), limits, NOW).kind).toBe('refused');
  });

  test('an accepted verdict that turns bad stops the login and leaves no proof', () => {
    const flipped = moved(STATES.settled, { ...EVENTS.declined, decidedAt: NOW + 5 });
    expect(flipped).toMatchObject({ state: 'ended', endReason: 'refused', proofs: [] });
    expect(flipped.verifications[0]).toMatchObject({ conclusion: 'refused', status: 'declined' });
  });

  test('a refused one never turns good', () => {
    expect(advance(STATES.refused, { ...EVENTS.approved, decidedAt: NOW + 5 }, limits, NOW).kind).toBe('unchanged');
  });

  test('only the last try can settle, and only one of this attempt (T10)', () => {
    const twice = moved(STATES.refused, EVENTS.opened);
    expect(advance(twice, EVENTS.approved, limits, NOW).kind).toBe('unchanged');
    expect(advance(twice, { ...EVENTS.approved, verificationId: 'v9' }, limits, NOW).kind).toBe('refused');
    const stillOpen = { ...open, verifications: [running, second] };
    expect(advance(stillOpen, EVENTS.approved, limits, NOW).kind).toBe('refused');
  });

  test('an event about a verification of another attempt is refused', () => {
    for (const event of [
      { ...EVENTS['in review'], verificationId: 'v9' },
      { ...EVENTS.declined, verificationId: 'v9' },
    ]) {
      expect(advance(STATES.waiting, event, limits, NOW).kind).toBe('refused');
    }
  });
});

describe('what a delivery tells and what is read, by two clocks (R9, R10)', () => {
  const delivered = (name: VerificationStatus, toldAt: number, resubmitSteps?: readonly string[]): AttemptEvent => ({
    ...(status(name, toldAt) as AttemptEvent & { kind: 'status' }),
    toldAt,
    ...(resubmitSteps ? { resubmitSteps } : {}),
  });
  const current = (attempt: LoginAttempt) => attempt.verifications[0];
  const read = moved(STATES.waiting, status('in-progress', NOW));

  test.each([0, 5, 290])(
    'the newest delivery counts, dated %s seconds before we have read something else',
    (behind) => {
      const held = moved(read, delivered('in-review', NOW - behind));
      expect([current(held)?.status, held.expiresAt]).toEqual(['in-review', open.createdAt + 1200]);
      const again = moved(read, delivered('resubmitted', NOW - behind, ['LIVENESS']));
      expect(current(again)).toMatchObject({ status: 'resubmitted', resubmitSteps: ['LIVENESS'] });
    },
  );

  test('one that is older than another, or earlier in the course of the same second, does not', () => {
    const held = moved(read, delivered('in-review', NOW - 100));
    const readAgain = moved(held, status('in-review', NOW + 15), NOW + 15);
    for (const attempt of [held, readAgain]) {
      for (const late of [delivered('awaiting-user', NOW - 101), delivered('in-progress', NOW - 100)])
        expect(advance(attempt, late, limits, NOW + 20).kind).toBe('unchanged');
    }
  });

  test('nor one that says that nobody has been there yet', () => {
    expect(advance(read, delivered('not-started', NOW + 5), limits, NOW + 5).kind).toBe('unchanged');
  });

  test('what is read afterwards counts, however far ahead the vendor’s clock is', () => {
    const told = moved(STATES.waiting, delivered('in-review', NOW + 200));
    expect(current(moved(told, status('resubmitted', NOW + 1), NOW + 1))?.status).toBe('resubmitted');
  });

  test('of a status that was read already it adds the steps, and unties nothing once more', () => {
    const known = moved(moved(STATES.waiting, status('resubmitted', NOW)), EVENTS.reopened);
    const back = moved(known, { ...EVENTS.reopened, returnToken: 'token-2' });
    const named = moved(back, delivered('resubmitted', NOW - 5, ['LIVENESS']));
    expect(current(named)).toMatchObject({ resubmitSteps: ['LIVENESS'], returnTokens: ['token-2'] });
  });

  describe('a face that is shown again is tied to no browser by the one before (T2, R9)', () => {
    const untied = { returnTokens: [], isUntied: true };

    test('also where nothing of the first one was heard', () => {
      const again = moved(STATES.waiting, delivered('resubmitted', NOW));
      expect(current(again)).toMatchObject(untied);
      expect(advance(again, EVENTS.returned, limits, NOW).kind).not.toBe('moved');
      expect(current(moved(STATES.waiting, status('resubmitted', NOW)))).toMatchObject(untied);
    });

    test('nor where nothing was heard between the first time and the second', () => {
      const first = moved(moved(STATES.waiting, delivered('resubmitted', NOW)), EVENTS.reopened);
      const back = moved(first, { ...EVENTS.reopened, returnToken: 'token-2' });
      expect(current(back)?.returnTokens).toEqual(['token-2']);
      expect(current(moved(back, delivered('resubmitted', NOW + 60)))).toMatchObject(untied);
      expect(advance(back, delivered('resubmitted', NOW), limits, NOW + 60).kind).toBe('unchanged');
    });

    test('nor where the first time was read, and somebody has come back since', () => {
      const first = moved(STATES.waiting, status('resubmitted', NOW));
      const there = moved(first, { ...EVENTS.reopened, returnToken: 'token-2' });
      const back = moved(there, { ...EVENTS.returned, returnToken: 'token-2' });
      expect(current(moved(back, delivered('resubmitted', NOW + 60)))).toMatchObject(untied);
    });

    test('nor where all of it happens in one second', () => {
      const first = moved(STATES.waiting, delivered('resubmitted', NOW));
      const there = moved(first, { ...EVENTS.reopened, returnToken: 'token-2' });
      expect(advance(there, delivered('resubmitted', NOW), limits, NOW).kind).toBe('unchanged');
      const back = moved(there, { ...EVENTS.returned, returnToken: 'token-2' });
      expect(current(moved(back, delivered('resubmitted', NOW)))).toMatchObject(untied);
    });

    test('nor where it is told after what came of it: once, and the status stays', () => {
      const held = moved(STATES.waiting, delivered('in-review', NOW + 60));
      const late = moved(held, delivered('resubmitted', NOW + 30));
      expect(current(late)).toMatchObject({ ...untied, status: 'in-review' });
      expect(advance(late, delivered('resubmitted', NOW + 30), limits, NOW + 61).kind).toBe('unchanged');
    });
  });

  test('no delivery undoes a conclusion', () => {
    for (const name of ['refused', 'settled'] as const)
      expect(advance(STATES[name], delivered('in-review', NOW + 5), limits, NOW + 5).kind).toBe('unchanged');
  });
});

describe('a verification that the vendor does not know (R6, T12)', () => {
  const missAt = (attempt: LoginAttempt, ...seconds: number[]) =>
    seconds.reduce((now, at) => moved(now, missed, NOW + at), attempt);
  const gone = missAt(STATES.waiting, 0, 15, 60);

  test.each([
    ['once', [0]],
    ['often, for less than a minute', [0, 1, 2, 5, 30, 59]],
    ['twice, a minute apart', [0, 60]],
  ])('goes on being waited for: %s', (_how, seconds) => {
    expect(missAt(STATES.waiting, ...seconds).verifications[0]?.conclusion).toBeUndefined();
  });

  test('is given up after a minute, so that the person can go on', () => {
    expect(gone.verifications[0]).toMatchObject({ conclusion: 'refused', presumedGone: true });
    expect(moved(gone, EVENTS.opened, NOW + 70).verifications).toHaveLength(2);
  });

  test('a word of the vendor’s in between begins the count anew', () => {
    const heard = moved(missAt(STATES.waiting, 0, 30), status('in-progress', NOW + 40), NOW + 40);
    expect(missAt(heard, 60, 61, 62).verifications[0]?.conclusion).toBeUndefined();
  });

  test('so does an answer that tells nothing new', () => {
    const { status: same, statusAt } = STATES.waiting.verifications[0] as Verification;
    const heard = moved(missAt(STATES.waiting, 0, 30), status(same, statusAt), NOW + 40);
    expect(heard.verifications[0]).not.toHaveProperty('unknownLooks');
    expect(missAt(heard, 60, 61, 62).verifications[0]?.conclusion).toBeUndefined();
  });

  test('the vendor’s own word that comes later wins', () => {
    const settled = moved(gone, { ...EVENTS.approved, decidedAt: NOW - 1 }, NOW + 70);
    expect(settled.state).toBe('settled');
    expect(settled.verifications[0]).toEqual({ ...accepted, statusAt: NOW - 1 });
    expect(moved(gone, EVENTS.declined, NOW + 70).verifications[0]).toEqual({
      ...lost,
      captures: [],
      failedChecks: ['not-approved'],
    });
    const held = moved(
      gone,
      { ...(EVENTS['in review'] as AttemptEvent & { kind: 'status' }), toldAt: NOW - 5 },
      NOW + 70,
    );
    expect(held.verifications[0]).toMatchObject({ status: 'in-review', wasHeld: true });
    for (const left of ['conclusion', 'presumedGone', 'unknownLooks'])
      expect(held.verifications[0]).not.toHaveProperty(left);
  });

  test('but not once something newer was opened, or the attempt is over', () => {
    const newer = moved(gone, EVENTS.opened, NOW + 70);
    const over = moved(gone, EVENTS.ended, NOW + 70);
    for (const event of [EVENTS.approved, EVENTS['in review']]) {
      expect(advance(newer, event, limits, NOW + 80).kind).toBe('refused');
      expect(advance(over, event, limits, NOW + 80).kind).toBe('refused');
      expect(advance(gone, event, limits, gone.expiresAt).kind).toBe('refused');
    }
  });
});

describe('a vendor that does not answer', () => {
  const unanswered = { ...missed, why: 'unanswered' } as AttemptEvent;
  const once = moved(STATES.waiting, unanswered);
  const twice = moved(once, unanswered, NOW + 1);
  const back: Partial<Verification> = { status: 'not-started', returnedHereAt: NOW };
  /** is it so, and is the result out of reach? */
  const judge = ({ verifications: [verification = running] }: LoginAttempt, after = 1, changes: object = {}) =>
    [isUnanswered, isWithoutResult].map((is) => is({ ...verification, ...changes }, NOW + after));

  test.each([
    ['one look came to nothing', judge(once), false],
    ['one did, and the next may only be made later', judge(once, 20), true],
    ['two in a row did', judge(twice), true],
    ['nobody has been at the hosted page', judge(twice, 1, { status: 'not-started' }), false],
    ['somebody is back from there', judge(twice, 1, back), true],
    ['a reviewer is waited for', judge(twice, 1, { status: 'in-review' }), false],
    ['steps are to be done again', judge(twice, 1, { status: 'resubmitted' }), false],
    ['the vendor has said how it ended', judge(twice, 1, { conclusion: 'refused' }), false],
    ['it has said that it goes on', judge(moved(twice, status('in-progress', NOW + 2))), false],
    [
      'a delivery has said so',
      judge(moved(twice, { ...status('in-progress', NOW - 9), toldAt: NOW - 9 } as AttemptEvent)),
      false,
    ],
  ])('%s', (_when, found, expected) => {
    expect(found).toEqual([expected, expected]);
  });

  test('one that does not find it answers, and keeps the result from us all the same', () => {
    const unknown = moved(moved(STATES.waiting, missed), missed);
    expect(judge(unknown)).toEqual([false, true]);
    expect(judge(moved(moved(unknown, missed), missed, NOW + 60))).toEqual([false, true]);
  });
});

describe('a review waits longer, but not for ever', () => {
  test('beyond its life, counted from the start', () => {
    expect(moved(STATES.waiting, EVENTS['in review']).expiresAt).toBe(open.createdAt + 1200);
  });

  test('being found held again and again prolongs nothing', () => {
    let attempt: LoginAttempt = moved(STATES.waiting, EVENTS['in review']);
    for (let at = NOW + 15; at < NOW + 900; at += 15) attempt = moved(attempt, status('in-review', at), at);
    expect(attempt.expiresAt).toBe(open.createdAt + 1200);
  });

  test('and never beyond what the interaction allows', () => {
    const short = { ...STATES.waiting, latestEnd: NOW + 580 };
    expect(moved(short, EVENTS['in review']).expiresAt).toBe(NOW + 580);
  });

  test('a status that holds nothing prolongs nothing', () => {
    expect(moved(STATES.waiting, status('resubmitted', NOW)).expiresAt).toBe(open.expiresAt);
    expect(moved(STATES.waiting, status('unknown', NOW)).expiresAt).toBe(open.expiresAt);
  });
});

describe('tries', () => {
  test('three, and an accepted one is not one of them', () => {
    expect(triesLeft(open, limits)).toBe(3);
    expect(triesLeft(STATES.settled, limits)).toBe(3);
    const none = { ...open, verifications: [lost, { ...lost, id: 'v2' }, { ...lost, id: 'v3' }] };
    expect(triesLeft(none, limits)).toBe(0);
    expect(advance(none, { ...EVENTS.opened, verification: { ...second, id: 'v4' } }, limits, NOW)).toMatchObject({
      kind: 'refused',
      reason: 'no tries left',
    });
  });

  test('a claim is remembered once', () => {
    const once = moved(open, EVENTS.opened);
    expect(once.claims).toEqual(['c2']);
    const lostAgain = { ...once, verifications: [{ ...second, conclusion: 'refused' }] } as LoginAttempt;
    expect(moved(lostAgain, { ...EVENTS.opened, verification: { ...second, id: 'v3' } }).claims).toEqual(['c2']);
  });
});

describe('return token and number (T2)', () => {
  test('another token marks nothing', () => {
    expect(advance(STATES.waiting, { ...EVENTS.returned, returnToken: 'other' }, limits, NOW).kind).toBe('refused');
  });

  test('the first return counts, later ones do not move its time', () => {
    const first = moved(STATES.waiting, EVENTS['returned elsewhere']);
    expect(first.verifications[0]?.returnedElsewhereAt).toBe(NOW);
    expect(advance(first, EVENTS['returned elsewhere'], limits, NOW + 60).kind).toBe('unchanged');
  });

  test('a hand-off address is used once', () => {
    const used = moved(STATES.waiting, EVENTS['phone-used']);
    expect(used.verifications[0]).not.toHaveProperty('phoneToken');
    expect(advance(used, EVENTS['phone-used'], limits, NOW).kind).toBe('refused');
    expect(advance(STATES.waiting, { ...EVENTS['phone-used'], phoneToken: 'x' }, limits, NOW).kind).toBe('refused');
  });

  test('the third wrong number ends the attempt, over all of its tries', () => {
    const twice = moved(moved(STATES.waiting, EVENTS['wrong number']), EVENTS['wrong number']);
    expect(twice).toMatchObject({ state: 'open', wrongNumbers: 2 });
    const nextTry = moved({ ...twice, verifications: [lost] }, EVENTS.opened);
    const third = moved(nextTry, EVENTS['wrong number']);
    expect(third).toMatchObject({ state: 'ended', endReason: 'wrong-numbers' });
  });

  test('T2: a new number has been typed by nobody yet', () => {
    const confirmed = moved(STATES.waiting, EVENTS['right number']);
    const reopened = { kind: 'reopened', verificationId: 'v1', sealed: 'new', returnToken: 'new' } as const;
    expect(moved(confirmed, reopened).verifications[0]).not.toHaveProperty('confirmedAt');
    // the same number, on a phone
    const { returnToken: _, ...onPhone } = { ...reopened, phoneToken: 'p' };
    expect(moved(confirmed, onPhone).verifications[0]).toHaveProperty('confirmedAt');
  });

  test('after the right one nothing counts as wrong', () => {
    const confirmed = moved(STATES.waiting, EVENTS['right number']);
    expect(confirmed.verifications[0]?.confirmedAt).toBe(NOW);
    expect(advance(confirmed, EVENTS['wrong number'], limits, NOW).kind).toBe('unchanged');
  });

  test('the step to be done again stays named when the next word of it names none', () => {
    const again = { kind: 'status', verificationId: 'v1', status: 'resubmitted', decidedAt: NOW + 1 } as const;
    const named = moved(STATES.waiting, { ...again, resubmitSteps: ['LIVENESS'] });
    const polled = moved(named, { ...again, decidedAt: NOW + 3, status: 'resubmitted' });
    expect(polled.verifications[0]?.resubmitSteps).toEqual(['LIVENESS']);
    const other = moved(polled, { ...again, decidedAt: NOW + 4, resubmitSteps: ['ID_VERIFICATION'] });
    expect(other.verifications[0]?.resubmitSteps).toEqual(['ID_VERIFICATION']);
    const done = moved(other, { ...again, decidedAt: NOW + 5, status: 'in-review' });
    expect(done.verifications[0]?.resubmitSteps).toBeUndefined();
  });

  test('T14: a capture that is done again is no longer the one a reviewer had before them', () => {
    const status = (name: 'in-review' | 'awaiting-user' | 'resubmitted', at: number) =>
      ({ kind: 'status', verificationId: 'v1', status: name, decidedAt: at }) as const;
    const held = moved(STATES.waiting, status('in-review', NOW + 1));
    expect(held.verifications[0]?.wasHeld).toBe(true);
    expect(moved(held, status('resubmitted', NOW + 2)).verifications[0]?.wasHeld).toBeUndefined();
    expect(moved(STATES.waiting, status('awaiting-user', NOW + 1)).verifications[0]?.wasHeld).toBeUndefined();
  });

  test('a face that was given up takes its proof with it, and the attempt goes on', () => {
    const again = moved(STATES.settled, EVENTS.discarded);
    expect(again).toMatchObject({ state: 'open', proofs: [] });
    expect(again.verifications[0]).toMatchObject({ conclusion: 'refused', failedChecks: ['captured-elsewhere'] });
  });

  test('T2: a slow finish, or giving up, that judged one face counts for no face that was accepted since', () => {
    const raised = moved(STATES.settled, EVENTS.raised);
    const again = { ...raised, state: 'settled', verifications: [accepted, { ...accepted, id: 'v2' }] } as const;
    const later: LoginAttempt = { ...again, proofs: [proof, { ...proof, verificationId: 'v2' }] };
    expect(advance(later, EVENTS.finished, limits, NOW).kind).toBe('refused');
    expect(advance(later, EVENTS.discarded, limits, NOW).kind).toBe('refused');
    expect(moved(later, { ...EVENTS.finished, judged: ['v1', 'v2'] }).state).toBe('spent');
    expect(moved(later, { ...EVENTS.discarded, verificationId: 'v2' }).proofs).toEqual([proof]);
  });
});

describe('enrolment, re-enrolment, end', () => {
  test('whoever enrolled goes on as the account, and may owe a stronger selfie', () => {
    const newcomer = { ...STATES.settled, claimant: { kind: 'newcomer' }, next: 'enrol' } as const;
    expect(advance(newcomer, EVENTS.raised, limits, NOW).kind).toBe('refused');
    const account = moved(newcomer, { kind: 'enrolled', accountId: 'a7', subject: 's7' });
    expect(account).toMatchObject({
      state: 'settled',
      claimant: { kind: 'account', accountId: 'a7' },
      subject: 's7',
      next: 'login',
    });
    expect(moved(account, EVENTS.raised)).toMatchObject({
      state: 'open',
      required: active,
      reasons: ['new-device'],
      proofs: [proof],
    });
  });

  test('a new enrolment that was chosen is one of a known person, and between two verifications', () => {
    expect(moved(open, EVENTS['re-enrol-chosen'])).toMatchObject({ next: 're-enrol', renewal: 'waits' });
    const newcomer = { ...open, claimant: { kind: 'newcomer' } } as const;
    expect(advance(newcomer, EVENTS['re-enrol-chosen'], limits, NOW).kind).toBe('refused');
  });
});

describe('proofs beside a selfie, and codes by mail', () => {
  test('a factor that is enough settles the attempt; one that is not is kept', () => {
    expect(moved(open, EVENTS['factor enough'])).toMatchObject({ state: 'settled', proofs: [] });
    const kept = moved(open, EVENTS['factor not enough']);
    expect([kept.state, kept.factors]).toEqual(['open', [EVENTS['factor not enough'].proof]]);
    expect(advance({ ...open, claimant: { kind: 'stranger' } }, EVENTS['factor enough'], limits, NOW).kind).toBe(
      'refused',
    );
  });

  test('three codes an attempt, five tries a code, ten minutes each, and a right one counts once', () => {
    const sent = moved(open, EVENTS.mailed);
    expect(sent.mailed).toMatchObject({ sends: 1, wrong: 0, sentAt: NOW });
    expect(moved(sent, EVENTS['right code']).mailed?.provenAt).toBe(NOW);
    let tried = sent;
    for (let wrong = 1; wrong <= 5; wrong += 1) tried = moved(tried, { kind: 'code', right: false });
    expect(advance(tried, EVENTS['right code'], limits, NOW).kind).toBe('refused');
    const late = { ...limits, ttlSeconds: 6_000 };
    expect(advance({ ...sent, expiresAt: NOW + 6_000 }, EVENTS['right code'], late, NOW + 600).kind).toBe('refused');
    const proven = moved(sent, EVENTS['right code']);
    expect(advance(proven, EVENTS['right code'], limits, NOW).kind).toBe('refused');
    expect(advance(proven, EVENTS.mailed, limits, NOW).kind).toBe('refused');
    const third = moved(moved(sent, EVENTS.mailed), EVENTS.mailed);
    expect(third.mailed?.sends).toBe(3);
    expect(advance(third, EVENTS.mailed, limits, NOW).kind).toBe('refused');
  });
});

describe('re-enrolment, end', () => {
  test('an expired identity check leads a known person to enrol again, and a newcomer to try again', () => {
    const event = { ...EVENTS.declined, result: refusedBy('kyc-expired') };
    expect(moved(STATES.waiting, event).next).toBe('re-enrol');
    expect(moved({ ...STATES.waiting, claimant: { kind: 'newcomer' }, next: 'enrol' }, event).next).toBe('enrol');
  });

  test('a newcomer cannot be asked to enrol again', () => {
    const newcomer = { ...open, claimant: { kind: 'newcomer' } } as const;
    expect(advance(newcomer, EVENTS['re-enrol-asked'], limits, NOW).kind).toBe('refused');
  });

  test('a spent attempt is spent for one account', () => {
    expect(advance(STATES.spent, { ...EVENTS.finished, accountId: 'a2' }, limits, NOW).kind).toBe('refused');
  });

  test('asked for again, it was finished when it was finished', () => {
    const spent = moved(STATES.settled, EVENTS.finished);
    expect(advance(spent, EVENTS.finished, limits, NOW + 60).attempt.finishedAt).toBe(NOW);
  });

  test('the first reason of an end stays', () => {
    expect(advance(STATES.ended, EVENTS.ended, limits, NOW).attempt.endReason).toBe('aborted');
  });

  test('the strongest proof counts, the latest of equals', () => {
    const active = { ...proof, method: 'active', acr: 'urn:selfie-oidc:acr:selfie-active' } as const;
    const later = { ...proof, authTime: NOW + 9 };
    expect(bestProof({ ...open, proofs: [proof, later] })).toBe(later);
    expect(bestProof({ ...open, proofs: [active, later] })).toBe(active);
    expect(bestProof(open)).toBeUndefined();
  });

  test('alive: open or settled, until the very second of its end', () => {
    expect(isLive(open, open.expiresAt - 1)).toBe(true);
    expect(isLive(open, open.expiresAt)).toBe(false);
    expect(names.filter((name) => isLive(STATES[name], NOW))).toEqual(['open', 'waiting', 'refused', 'settled']);
  });
});
