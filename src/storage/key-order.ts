// Order within this process: what is asked about one key happens in the order asked. For engines where two operations could
// overtake each other, as they go over several connections or take several steps; those that cannot may run beside each other.
// Across processes nothing is ordered, only atomic.

export interface KeyOrder {
  /** Runs at once when nobody who wants to be alone was earlier. */
  beside<T>(key: string, run: () => Promise<T>): Promise<T>;
  /** Runs at once when nobody was earlier. */
  alone<T>(key: string, run: () => Promise<T>): Promise<T>;
  /** Runs after everything that was asked before, whatever the key. */
  after<T>(run: () => Promise<T>): Promise<T>;
}

interface Line {
  lastAlone: Promise<unknown> | undefined;
  /** those asked since then */
  readonly others: Set<Promise<unknown>>;
}

/** @returns an order with nobody in it; a key that nobody waits for costs no memory */
export function createKeyOrder(): KeyOrder {
  const lines = new Map<string, Line>();

  function lineOf(key: string): Line {
    const known = lines.get(key);
    if (known !== undefined) return known;
    const line = { lastAlone: undefined, others: new Set<Promise<unknown>>() };
    lines.set(key, line);
    return line;
  }

  function leave(key: string, line: Line, running: Promise<unknown>): void {
    line.others.delete(running);
    if (line.lastAlone === running) line.lastAlone = undefined;
    // Only the line that is listed: a key left and joined again has a new one.
    if (line.lastAlone === undefined && line.others.size === 0 && lines.get(key) === line) lines.delete(key);
  }

  function start<T>(key: string, line: Line, before: readonly Promise<unknown>[], run: () => Promise<T>): Promise<T> {
    const running = before.length === 0 ? run() : Promise.allSettled(before).then(run);
    const end = () => leave(key, line, running);
    running.then(end, end);
    return running;
  }

  return {
    beside(key, run) {
      const line = lineOf(key);
      const running = start(key, line, line.lastAlone === undefined ? [] : [line.lastAlone], run);
      line.others.add(running);
      return running;
    },
    alone(key, run) {
      const line = lineOf(key);
      const running = start(key, line, everybodyIn(line), run);
      line.others.clear();
      line.lastAlone = running;
      return running;
    },
    async after(run) {
      const before = [...lines.values()].flatMap(everybodyIn);
      if (before.length > 0) await Promise.allSettled(before);
      return run();
    },
  };
}

function everybodyIn({ lastAlone, others }: Line): Promise<unknown>[] {
  return lastAlone === undefined ? [...others] : [lastAlone, ...others];
}
