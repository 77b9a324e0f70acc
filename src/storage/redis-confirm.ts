// What is told as done survives a failover: in a cluster a replica takes a dead master's place by itself, and a write it had not
// received would be undone, the use of a code among them. So a write is told only when every replica that the cluster counts
// as healthy has it. WAIT stops its connection, so one at a time is under way, for all that was written meanwhile.

import type { RedisClient } from './redis-link.ts';

/** Resolves when what was sent on this connection before is where it must be. @throws Error it is not, as far as is known */
export type Confirm = (client: RedisClient) => Promise<void>;

interface Line {
  underWay: Promise<void>;
  /** not sent yet: speaks for everything that is sent until then */
  next: Promise<void> | undefined;
}

/**
 * @param replicas how many a failover could choose from, as the cluster sees it now; none: nothing is asked; undefined: the server is
 *                 no master any more, and what was written to it last may be gone
 * @param waitMs   how long a healthy replica may take
 */
export function createConfirm({ replicas, waitMs }: { replicas: () => number | undefined; waitMs: number }): Confirm {
  const lines = new WeakMap<RedisClient, Line>();

  async function wait(client: RedisClient): Promise<void> {
    const wanted = replicas();
    if (wanted === undefined) throw new Error('NOREPLICAS written to a server that is no master any more');
    if (wanted === 0) return;
    const confirmed = Number(await client.sendCommand(['WAIT', String(wanted), String(waitMs)]));
    // Asked again: one may have been given up by the cluster meanwhile, and cannot be chosen any more. One that took its master's place
    // was not given up: then as many as before have to have it.
    if (confirmed < (replicas() ?? wanted)) throw new Error('NOREPLICAS a replica did not confirm a write');
  }

  return (client) => {
    const line = lines.get(client) ?? { underWay: Promise.resolve(), next: undefined };
    lines.set(client, line);
    line.next ??= line.underWay
      .catch(() => {})
      .then(() => {
        line.underWay = line.next ?? line.underWay;
        line.next = undefined;
        return wait(client);
      });
    return line.next;
  };
}
