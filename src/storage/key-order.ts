// Order within this process: what is asked about one key happens in the order asked, reads beside each other, a write alone.
// For engines where two operations could overtake each other, as they go over several connections or take several steps. Across
// processes nothing is ordered, only atomic.

export interface KeyOrder {
  /** Runs at once when no write that was asked earlier is in the way. */
  read<T>(key: string, run: () => Promise<T>): Promise<T>;
  /** Runs at once when nothing that was asked earlier is in the way. */
  write<T>(key: string, run: () => Promise<T>): Promise<T>;
  /** Runs after everything that was asked before, whatever the key. */
  after<T>(run: () => Promise<T>): Promise<T>;
}

interface Line {
  lastWrite: Promise<unknown> | undefined;
  /** those asked since the last write */
  readonly reads: Set<Promise<unknown>>;
}

/** @returns an order with nobody in it; a key that nobody waits for costs no memory */
export function createKeyOrder(): KeyOrder {
  const lines = new Map<string, Line>();

  function lineOf(key: string): Line {
    const known = lines.get(key);
    if (known !== undefined) return known;
    const line = { lastWrite: undefined, reads: new Set<Promise<unknown>>() };
    lines.set(key, line);
    return line;
  }

  function leave(key: string, line: Line, running: Promise<unknown>): void {
    line.reads.delete(running);
    if (line.lastWrite === running) line.lastWrite = undefined;
    // Only the line that is listed: a key left and joined again has a new one.
    if (line.lastWrite === undefined && line.reads.size === 0 && lines.get(key) === line) lines.delete(key);
  }

  function start<T>(key: string, line: Line, before: readonly Promise<unknown>[], run: () => Promise<T>): Promise<T> {
    const running = before.length === 0 ? run() : Promise.allSettled(before).then(run);
    const end = () => leave(key, line, running);
    running.then(end, end);
    return running;
  }

  return {
    read(key, run) {
      const line = lineOf(key);
      const running = start(key, line, line.lastWrite === undefined ? [] : [line.lastWrite], run);
      line.reads.add(running);
      return running;
    },
    write(key, run) {
      const line = lineOf(key);
      const running = start(key, line, everybodyIn(line), run);
      line.reads.clear();
      line.lastWrite = running;
      return running;
    },
    async after(run) {
      const before = [...lines.values()].flatMap(everybodyIn);
      if (before.length > 0) await Promise.allSettled(before);
      return run();
    },
  };
}

function everybodyIn({ lastWrite, reads }: Line): Promise<unknown>[] {
  return lastWrite === undefined ? [...reads] : [lastWrite, ...reads];
}
