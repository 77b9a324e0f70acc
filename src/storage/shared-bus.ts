// The bus between processes: pages of this process are woken at once, those of others by one message that names the channel.
// All processes of a deployment hear all messages and look up here who waits; so joining and leaving a channel costs no
// round trip, and no wake is lost while a subscription is on its way. The engine only carries a line of text.

import { randomUUID } from 'node:crypto';
import type { Bus, Logger } from '../login/ports.ts';
import { createLocalBus } from './local-bus.ts';

/** @returns the bus of an engine without a server: of this process alone, or with a relay of all it reaches */
export function createRelayedBus(options: {
  readonly relay?: Relay | undefined;
  readonly log?: Logger | undefined;
}): Bus {
  const { relay, log } = options;
  if (relay === undefined) return createLocalBus({ log });
  const { bus, receive } = createSharedBus({ send: relay.send, log });
  relay.listen(receive);
  return bus;
}

export interface SharedBus {
  readonly bus: Bus;
  /** for the engine: a message has come in */
  receive(message: string): void;
}

/** Carries lines of text between the processes of one machine, for engines that have no server to do it. */
export interface Relay {
  /** to every process, this one included or not */
  send(message: string): Promise<unknown>;
  /** @param receive called with each line that was sent, for as long as the process lives */
  listen(receive: (message: string) => void): void;
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
