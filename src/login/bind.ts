// Applies the rule of `core/binding.ts` to a stored attempt: is its accepted face that of whoever holds the starting browser?

import { currentVerification, type LoginAttempt } from '../core/attempt.ts';
import { type Binding, judgeBinding } from '../core/binding.ts';
import type { JourneyRules } from './rules.ts';

export function bindingOf(attempt: LoginAttempt, rules: Pick<JourneyRules, 'forClient'>): Binding {
  const current = currentVerification(attempt);
  if (!current) return { kind: 'unproven' };
  return judgeBinding(
    {
      origin: attempt.origin,
      captures: current.captures ?? [],
      returnedHere: current.returnedHereAt !== undefined,
      returnedElsewhere: current.returnedElsewhereAt !== undefined,
      confirmed: current.confirmedAt !== undefined,
    },
    rules.forClient(attempt.clientId).crossDevice,
  );
}
