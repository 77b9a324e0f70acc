// Loaded into a child before its own program (`node --import`): answers the bench's questions about CPU and memory over the IPC
// channel, and ends the child when the bench is gone, however it went.

export interface Gauge {
  /** microseconds, user and system, all threads, since the process began */
  readonly cpuMicros: number;
  readonly memory: {
    /** bytes */
    readonly rss: number;
    readonly heapUsed: number;
    readonly external: number;
  };
}

export interface Question {
  readonly id: number;
  readonly about: 'gauge';
  /** collect garbage before memory is read */
  readonly collect: boolean;
}

export type Reply = Gauge & { readonly id: number };

/** Answered by `counters.ts`, where something is loaded that counts. */
export interface CountQuestion {
  readonly id: number;
  readonly about: 'counts';
}

export interface CountReply {
  readonly id: number;
  readonly counts: Readonly<Record<string, number>>;
}

process.on('message', (question: Question | CountQuestion) => {
  if (question.about !== 'gauge') return;
  // read first: collecting costs time that no login caused
  const { user, system } = process.cpuUsage();
  if (question.collect) {
    globalThis.gc?.();
    globalThis.gc?.();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const reply: Reply = { id: question.id, cpuMicros: user + system, memory: { rss, heapUsed, external } };
  process.send?.(reply);
});
process.once('disconnect', () => process.exit(0));
// the channel alone keeps nothing running
process.channel?.unref();
