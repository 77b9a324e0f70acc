// When the time of whoever waits for a server is up.

/**
 * Runs `expire` after so many milliseconds, unless it is called off. After a stall of this process (all cores busy, paused, asleep) timers
 * come first, and the answer may have been waiting to be read: the network is looked at once more before.
 *
 * @returns how to call it off
 */
export function expireAfter(ms: number, expire: () => void): () => void {
  let look: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    look = setImmediate(expire);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(look);
  };
}
