// When a mail is tried again and when it is given up. Pure.

import type { Mail } from '../login/mail.ts';
import type { Failure } from './failures.ts';

/** Waits between tries, in seconds; the last one again and again. Somebody sits and waits for a code, nobody for a notice. */
const CODE_WAITS = [5, 15, 30, 60];
const NOTICE_WAITS = [5, 30, 120, 600, 3600];
/** How long a mail is tried that says nothing of its own: a notice that comes a day late alarms more than it helps. */
const NOTICE_MS = 6 * 3_600_000;

/** When a mail that is handed over at `nowMs` is dead: its code has expired, or nobody is helped by it any more. */
export function expiryOf(mail: Mail, nowMs: number): number {
  return nowMs + ('minutes' in mail ? mail.minutes * 60_000 : NOTICE_MS);
}

type Next =
  | { readonly kind: 'again'; readonly dueAtMs: number }
  /** refused, and would be again */
  | { readonly kind: 'refused' }
  /** the next try would come too late to help */
  | { readonly kind: 'late' };

/** @param mail.tries those before the one that just failed */
export function afterFailure(
  mail: { readonly expiresAtMs: number; readonly isCode: boolean; readonly tries: number },
  failure: Failure,
  nowMs: number,
): Next {
  if (failure.permanent) return { kind: 'refused' };
  const waits = mail.isCode ? CODE_WAITS : NOTICE_WAITS;
  const seconds = waits[Math.min(mail.tries, waits.length - 1)] ?? 0;
  const dueAtMs = nowMs + seconds * 1000;
  return dueAtMs >= mail.expiresAtMs ? { kind: 'late' } : { kind: 'again', dueAtMs };
}
