import { describe, expect, test } from '@jest/globals';
import { type Claim, contest } from '../../src/core/claim.ts';

const NOW = 1_800_000_000;
const CONTESTED = 180;

const stranger: Claim = { uid: 'u1', browser: 'b1', knownDevice: false, claimedAt: NOW, until: NOW + 600 };
const known: Claim = { ...stranger, knownDevice: true };
const by = (changes: Partial<Claim>): Claim => ({ ...stranger, uid: 'u2', browser: 'b2', ...changes });

describe('who may run a verification now (invariant 2, T1, T17)', () => {
  const cases: [string, Claim | undefined, Claim, number, string][] = [
    ['nobody holds it', undefined, by({}), NOW, 'free'],
    ['the holder has lapsed', stranger, by({}), NOW + 600, 'free'],
    ['the holder asks again', stranger, by({ uid: 'u1' }), NOW, 'own'],
    ['the holder asks again from elsewhere', stranger, by({ uid: 'u1', browser: 'b9' }), NOW, 'own'],
    ['the newest attempt in one browser wins', stranger, by({ browser: 'b1' }), NOW, 'preempt'],
    ['… also over a known device that is itself', known, by({ browser: 'b1' }), NOW, 'preempt'],
    ['a known device pre-empts an unknown one', stranger, by({ knownDevice: true }), NOW, 'preempt'],
    ['an unknown device does not pre-empt an unknown one', stranger, by({}), NOW, 'held'],
    ['… not a second too early', stranger, by({}), NOW + CONTESTED - 1, 'held'],
    ['an unknown device may be contested after 180 s', stranger, by({}), NOW + CONTESTED, 'preempt'],
    ['an unknown device never pre-empts a known one', known, by({}), NOW, 'held'],
    ['… however long it takes', known, by({}), NOW + 599, 'held'],
    ['one known device does not pre-empt another', known, by({ knownDevice: true }), NOW + 599, 'held'],
  ];
  test.each(cases)('%s', (_name, holder, challenger, now, kind) => {
    expect(contest(holder, challenger, now, CONTESTED).kind).toBe(kind);
  });

  test('a pre-empted claim is named, so that its attempt can be ended, or its claim given back', () => {
    expect(contest(stranger, by({ knownDevice: true }), NOW, CONTESTED)).toEqual({
      kind: 'preempt',
      loser: stranger,
    });
  });

  test('the loser is told when to come back: the contest, or the end of the holder', () => {
    expect(contest(stranger, by({}), NOW + 30, CONTESTED)).toMatchObject({ retryAfterSeconds: 150 });
    expect(contest(known, by({}), NOW + 30, CONTESTED)).toMatchObject({ retryAfterSeconds: 570 });
    expect(contest({ ...stranger, until: NOW + 60 }, by({}), NOW, CONTESTED)).toMatchObject({ retryAfterSeconds: 60 });
  });
});
