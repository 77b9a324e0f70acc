// `/metrics` of several processes: whichever is asked asks the primary, and the primary asks all. One that does not answer in time is
// counted with what it said last, so that a scrape ends and no total falls.

import { createSummedSeries } from '../telemetry/summed-series.ts';
import type { Crew, CrewTiming, Member } from './crew.ts';
import type { ToPrimary } from './messages.ts';

/** Less than a worker waits, which is less than those who scrape wait. */
const ANSWERS_MS = 1_000;

export interface Measuring {
  heard(member: Member, message: Extract<ToPrimary, { kind: 'measured' | 'leaving' | 'expose' }>): void;
  left(member: Member): void;
}

/** @param options.members those that listen now */
export function createMeasuring(options: {
  readonly members: () => Crew['members'];
  readonly timing: Pick<CrewTiming, 'after'>;
}): Measuring {
  const { members, timing } = options;
  const sum = createSummedSeries();
  // a place's processes are told apart: the counts of the one before stay
  const numbers = new WeakMap<Member, number>();
  const waitingFor = new Map<number, { readonly missing: Set<Member>; readonly done: () => void }>();
  let lastNumber = 0;
  let lastRound = 0;

  function numberOf(member: Member): number {
    const number = numbers.get(member) ?? ++lastNumber;
    numbers.set(member, number);
    return number;
  }

  function measureAll(): Promise<void> {
    const round = ++lastRound;
    return new Promise<void>((resolve) => {
      const callOff = timing.after(ANSWERS_MS, done);
      function done() {
        callOff();
        waitingFor.delete(round);
        resolve();
      }
      waitingFor.set(round, { missing: new Set(members()), done });
      for (const { worker } of members()) worker.send({ kind: 'measure', round });
    });
  }

  function answered(round: number, member: Member): void {
    const waiting = waitingFor.get(round);
    waiting?.missing.delete(member);
    if (waiting?.missing.size === 0) waiting.done();
  }

  return {
    heard(member, message) {
      if (message.kind === 'expose') {
        const { question } = message;
        void measureAll()
          .then(() => sum.exposition())
          .then((all) => member.worker.send({ kind: 'exposition', question, ...all }));
        return;
      }
      sum.put(numberOf(member), message.series);
      if (message.kind === 'measured') answered(message.round, member);
    },
    left(member) {
      void sum.end(numberOf(member));
      for (const round of [...waitingFor.keys()]) answered(round, member);
    },
  };
}
