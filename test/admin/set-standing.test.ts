import { beforeEach, describe, expect, test } from '@jest/globals';
import { clearReview, demandReEnrolment, setReview } from '../../src/admin/set-standing.ts';
import { markOf } from '../../src/core/account.ts';
import { account, NOW, openParts, type TestParts } from './support.ts';

let parts: TestParts;

beforeEach(async () => {
  parts = await openParts();
  await parts.accounts.create(account('a', 'alice'));
});

test('reasons of a review add up, from when it was set first', async () => {
  await setReview(parts, 'a', 'one');
  parts.move(60);
  expect(await setReview(parts, 'a', 'two')).toMatchObject({ review: { since: NOW, reasons: ['one', 'two'] } });
  expect(await clearReview(parts, 'a')).toMatchObject({
    account: account('a', 'alice'),
    review: { reasons: ['one', 'two'] },
  });
  expect(await parts.accounts.find('a')).not.toHaveProperty('review');
});

describe('a review that somebody has looked at', () => {
  const seen = async () => {
    const review = (await parts.accounts.find('a'))?.review;
    return review === undefined ? '' : markOf(review);
  };
  const review = async () => (await parts.accounts.find('a'))?.review?.reasons;

  beforeEach(async () => {
    await setReview(parts, 'a', 'one');
    await setReview(parts, 'a', 'two');
  });

  test.each([
    ['another reason', 'three', ['one', 'two', 'three']],
    ['one that stood there, and came again', 'one', ['one', 'two']],
  ])('is not cleared when %s came in the same second; by what is seen then it is', async (_, came, all) => {
    const before = await seen();
    await setReview(parts, 'a', came);
    expect(await clearReview(parts, 'a', before)).toMatchObject({ unseen: [came] });
    expect(await review()).toEqual(all);
    expect(parts.entries.map(({ event }) => event)).not.toContain('account.review-cleared');
    expect(await clearReview(parts, 'a', await seen())).not.toHaveProperty('unseen');
    expect(await review()).toBeUndefined();
  });

  test('and was cleared is no other that is set later', async () => {
    const before = await seen();
    await clearReview(parts, 'a', before);
    parts.move(1);
    await setReview(parts, 'a', 'one');
    expect(await clearReview(parts, 'a', before)).toMatchObject({ unseen: ['one'] });
    expect(await review()).toEqual(['one']);
  });

  test('is not cleared by a mark that it never had', async () => {
    const beyond = (await seen()).replace(/2$/, '9');
    expect(await clearReview(parts, 'a', beyond)).toMatchObject({ unseen: ['one', 'two'] });
  });

  test('of an earlier version has a mark as well, and what comes after it is new', async () => {
    await parts.accounts.change('a', (current) => ({ ...current, review: { since: NOW, reasons: ['one', 'two'] } }));
    const before = await seen();
    await setReview(parts, 'a', 'two');
    expect(await clearReview(parts, 'a', before)).toMatchObject({ unseen: ['two'] });
  });
});

test.each([
  ['good', 'must-re-enrol'],
  ['must-re-enrol', 'must-re-enrol'],
  // no token of it is good until then: that is not to be loosened
  ['withdrawn', 'withdrawn'],
] as const)('an account that is %s is %s when a document check is demanded', async (before, after) => {
  await parts.accounts.change('a', (current) => ({ ...current, standing: before, demands: 1 }));
  // counted, whatever stood there: a document that was shown before counts no more (T14)
  expect(await demandReEnrolment(parts, 'a')).toMatchObject({ standing: after, demands: 2 });
});

test('each is told of in the journal, without the words of the operator', async () => {
  await setReview(parts, 'a', 'lost the phone');
  await clearReview(parts, 'a');
  await demandReEnrolment(parts, 'a');
  expect(parts.entries).toEqual(
    ['account.review-set', 'account.review-cleared', 'account.re-enrolment-demanded'].map((event) => ({
      event,
      account: 'a',
      reasons: ['by-operator'],
    })),
  );
});

test('of nobody there is nothing to tell', async () => {
  expect(await setReview(parts, 'x', 'why')).toBeUndefined();
  expect(await clearReview(parts, 'x')).toBeUndefined();
  expect(await demandReEnrolment(parts, 'x')).toBeUndefined();
  expect(parts.entries).toEqual([]);
});
