// Words of a command line that become numbers and moments.

import { Misuse } from './command.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90m`, `12h`, `7d` → seconds. @throws Misuse */
export function readDuration(name: string, text: string, most: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  if (seconds >= 1 && (text === most || seconds <= readDuration(name, most, most))) return seconds;
  throw new Misuse(`--${name} is a time from 1s to ${most}: 90m, 12h, 7d`);
}

/** @throws Misuse */
export function readCount(name: string, text: string, most: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw new Misuse(`--${name} is a whole number from 1 to ${most}`);
}

/** An ISO 8601 date (its first moment, UTC) or time → epoch seconds. @throws Misuse */
export function readMoment(name: string, text: string): number {
  const isWhole = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const ms = isWhole ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return Math.floor(ms / 1000);
  throw new Misuse(`--${name} is a date or a time with zone: 2026-11-01 or 2026-11-01T09:30:00Z`);
}

/** The lines from `--since` on and before `--until`. @throws Misuse */
export function readPeriod(values: Readonly<Record<string, unknown>>): (at: number) => boolean {
  const since = typeof values.since === 'string' ? readMoment('since', values.since) : Number.NEGATIVE_INFINITY;
  const until = typeof values.until === 'string' ? readMoment('until', values.until) : Number.POSITIVE_INFINITY;
  if (since >= until) throw new Misuse('--since is not before --until: nothing lies between them');
  return (at) => at >= since && at < until;
}

export const PERIOD = {
  since: { type: 'string', about: 'from this date or time on: 2026-11-01' },
  until: { type: 'string', about: 'before this date or time' },
} as const;
