// What several processes counted, told as one: counts are added, of gauges each says itself how (memory is added, lag is averaged).
// What a process counted stays in the sum when it ends, or a total would fall, which those who read it take for a restart of everything.

import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';

/** One process's metrics as plain data, fit for a message between processes. */
export type Series = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface SummedSeries {
  /** The newest that a process told; it counts until the next, also when that process does not answer for a while. */
  put(processId: number, series: Series): void;
  /** A process has ended: its counts stay, its gauges go. */
  end(processId: number): Promise<void>;
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export function createSummedSeries(): SummedSeries {
  const living = new Map<number, Series>();
  let ended: Series = [];
  let folding: Promise<void> = Promise.resolve();

  /** As one again, or a year of restarts would be a long list. */
  async function fold(): Promise<void> {
    const all = ended;
    const folded = await sum([all]).getMetricsAsJSON();
    if (ended === all) ended = folded;
  }

  return {
    put: (processId, series) => void living.set(processId, series),
    end(processId) {
      const last = living.get(processId) ?? [];
      living.delete(processId);
      ended = [...ended, ...last.filter(isCounted)];
      folding = folding.then(fold);
      return folding;
    },
    async exposition() {
      const all = sum([...living.values(), ended]);
      return { contentType: all.contentType, text: await all.metrics() };
    },
  };
}

function sum(all: readonly Series[]) {
  return AggregatorRegistry.aggregate([...all]);
}

function isCounted({ type }: Series[number]): boolean {
  // the library's enum in its types, a word at run time
  return ['counter', 'histogram'].includes(String(type));
}
