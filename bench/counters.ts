// How often each thing was done in this process since it began, for whoever asks over the channel that the probe answers on.

import type { CountQuestion, CountReply } from './probe.ts';

const counts = new Map<string, number>();

export function count(what: string, by = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

export function readCounts(): Record<string, number> {
  return Object.fromEntries(counts);
}

export function answerCountQuestions(): void {
  process.on('message', (question: CountQuestion) => {
    if (question.about !== 'counts') return;
    const reply: CountReply = { id: question.id, counts: readCounts() };
    process.send?.(reply);
  });
}
