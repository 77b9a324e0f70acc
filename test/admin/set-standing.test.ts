import { beforeEach, expect, test } from '@jest/globals';
import { clearReview, demandReEnrolment, setReview } from '../../src/admin/set-standing.ts';
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
  expect(await clearReview(parts, 'a')).toEqual(account('a', 'alice'));
  expect(await parts.accounts.find('a')).not.toHaveProperty('review');
});

test.each([
  ['good', 'must-re-enrol'],
  ['must-re-enrol', 'must-re-enrol'],
  // no token of it is good until then: that is not to be loosened
  ['withdrawn', 'withdrawn'],
] as const)('an account that is %s is %s when a document check is demanded', async (before, after) => {
  await parts.accounts.change('a', (current) => ({ ...current, standing: before }));
  expect(await demandReEnrolment(parts, 'a')).toMatchObject({ standing: after });
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
