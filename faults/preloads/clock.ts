// Loaded into a process before its own program (`node --import`): its clock is off by as many seconds as it was told, and can be moved
// while it runs. Timers go by another clock, as in a real process. With FAULTS_LONG_TIMERS_DIVIDED_BY in the environment, timers
// of half a minute and more come so much sooner: what is done every minute is then seen in seconds.

const RealDate = Date;
const LONG_MS = 30_000;
let shiftMs = Number(process.env.FAULTS_CLOCK_SHIFT_SECONDS ?? 0) * 1000;

class ShiftedDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(RealDate.now() + shiftMs);
    else super(...(given as [number]));
  }
  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}
globalThis.Date = ShiftedDate as DateConstructor;

const divisor = Number(process.env.FAULTS_LONG_TIMERS_DIVIDED_BY ?? 1);
type Timer = (work: (...given: unknown[]) => void, delayMs?: number, ...given: unknown[]) => unknown;

/** Its members stay: `promisify` looks for one. */
function sooner<T>(real: T): T {
  const timer: Timer = (work, delayMs = 0, ...given) =>
    (real as Timer)(work, delayMs >= LONG_MS ? delayMs / divisor : delayMs, ...given);
  return Object.defineProperties(timer, Object.getOwnPropertyDescriptors(real)) as T;
}

if (divisor > 1) {
  globalThis.setInterval = sooner(globalThis.setInterval);
  globalThis.setTimeout = sooner(globalThis.setTimeout);
}

process.on('message', ({ shiftSeconds }: { shiftSeconds?: number }) => {
  if (shiftSeconds === undefined) return;
  shiftMs = shiftSeconds * 1000;
  process.send?.({ clockMoved: true });
});
