// Wakes live pages within one process: enough for memory, and for SQLite with a single process. Never the only way to learn
// anything: where another process stored it (an operator's command), a page learns from its own slow reading of state.

import type { Bus, Logger } from '../login/ports.ts';

/** @returns a bus whose listeners run after the publisher, each alone: one that throws is logged and silences no other */
export function createLocalBus({ log }: { log?: Logger | undefined } = {}): Bus {
  const channels = new Map<string, Set<{ listener: () => void }>>();

  function wake(channel: string, subscription: { listener: () => void }): void {
    if (!channels.get(channel)?.has(subscription)) return;
    try {
      subscription.listener();
    } catch (error) {
      log?.error({ err: error }, 'a listener of the bus failed');
    }
  }

  return {
    async publish(channel) {
      for (const subscription of channels.get(channel) ?? []) setImmediate(wake, channel, subscription);
    },
    subscribe(channel, listener) {
      const subscription = { listener };
      const subscriptions = channels.get(channel) ?? new Set();
      channels.set(channel, subscriptions.add(subscription));
      return () => {
        subscriptions.delete(subscription);
        // Only the set that is listed: a channel left and joined again has a new one.
        if (subscriptions.size === 0 && channels.get(channel) === subscriptions) channels.delete(channel);
      };
    },
  };
}
