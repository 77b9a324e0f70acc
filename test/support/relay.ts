// A relay between backends of one process, as the primary is between workers; it can be cut.

import type { Relay } from '../../src/storage/shared-bus.ts';

export interface TestRelay extends Relay {
  /** what is sent from now on is lost, as when a message is */
  isCut: boolean;
  readonly lines: string[];
}

/** Give the same to all that shall hear each other: a process leaves its own echo aside. */
export function createTestRelay(): TestRelay {
  const listeners: ((line: string) => void)[] = [];
  const relay: TestRelay = {
    isCut: false,
    lines: [],
    async send(line) {
      if (relay.isCut) throw new Error('cut');
      relay.lines.push(line);
      for (const hear of listeners) setImmediate(hear, line);
    },
    listen: (hear) => void listeners.push(hear),
  };
  return relay;
}
