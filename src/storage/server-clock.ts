// How long the server may still do what it was sent (R7). A paused server or a stalled network keeps a command that the caller
// has long given up, and would carry it out on waking: a code used, a claim taken, for nobody. So every write carries its
// deadline in the server's own time, and the server refuses it afterwards. The clocks need not agree, as their difference is
// measured on every connection; that time decides nothing about records, whose `now` is the caller's.

export interface ServerClock {
  /** @returns this process's moment (of `performance.now()`) in the server's epoch milliseconds, never later than it is */
  at(localMs: number): number;
}

/**
 * @param askMs the server's own time in epoch milliseconds
 * @returns its clock; early by at most what the question took, so that a deadline in it is early and never late
 */
export async function measureServerClock(askMs: () => Promise<number>): Promise<ServerClock> {
  const serverMs = await askMs();
  const aheadMs = serverMs - performance.now();
  return { at: (localMs) => Math.floor(localMs + aheadMs) };
}
