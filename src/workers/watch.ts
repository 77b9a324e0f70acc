// Asks each worker now and then whether it lives: one whose event loop stands still is ended, and replaced like any that ended. Whoever
// restarts a provider by `/livez` would not notice, as another worker answers.

import type { Logger } from '../login/ports.ts';
import type { Crew, CrewTiming, Member } from './crew.ts';

const EVERY_MS = 10_000;
/** Questions, not seconds: a machine that slept has asked nothing meanwhile. */
const MOST_UNANSWERED = 3;

export interface Watch {
  start(): void;
  /** It has answered. */
  heard(member: Member): void;
}

export function createWatch(options: {
  readonly members: () => Crew['members'];
  readonly timing: Pick<CrewTiming, 'after'>;
  readonly log: Logger;
}): Watch {
  const { members, timing, log } = options;
  const unanswered = new WeakMap<Member, number>();

  function askAll(): void {
    for (const member of members()) {
      const questions = unanswered.get(member) ?? 0;
      if (questions >= MOST_UNANSWERED) {
        log.error({ worker: member.place }, 'a worker does not answer, and is ended');
        member.worker.kill('SIGKILL');
      } else {
        unanswered.set(member, questions + 1);
        member.worker.send({ kind: 'ping' });
      }
    }
    timing.after(EVERY_MS, askAll);
  }

  return {
    start: () => void timing.after(EVERY_MS, askAll),
    heard: (member) => void unanswered.delete(member),
  };
}
