// The bus between processes: pages of this process are woken at once, those of others by one message that names the channel.
// All processes of a deployment hear all messages and look up here who waits; so joining and leaving a channel costs no
// round trip, and no wake is lost while a subscription is on its way. The engine only carries a line of text.

import { randomUUID } from 'node:crypto';
import type { Bus, Logger } from '../login/ports.ts';
import { createLocalBus } from './local-bus.ts';

export interface SharedBus {
  readonly bus: Bus;
  /** for the engine: a message has come in */
  receive(message: string): void;
}

/**
 * @param send takes a message to every process, this one included; what it fails with is logged and costs a delay only
 * @returns a bus that wakes each listener once a message: an echo of this process's own is left aside
 */
export function createSharedBus(options: {
  readonly send: (message: string) => Promise<unknown>;
  readonly log?: Logger | undefined;
}): SharedBus {
  const { send, log } = options;
  const local = createLocalBus({ log });
  const origin = randomUUID();
  return {
    bus: {
      async publish(channel) {
        await local.publish(channel);
        // Nobody waits for it: what was stored is stored, and a page that is not woken reads it by itself.
        send(`${origin} ${channel}`).catch((error: unknown) => {
          log?.debug({ err: error }, 'other processes could not be woken; their pages notice by themselves');
        });
      },
      subscribe: local.subscribe,
    },
    receive(message) {
      const space = message.indexOf(' ');
      if (space > 0 && message.slice(0, space) !== origin) void local.publish(message.slice(space + 1));
    },
  };
}
