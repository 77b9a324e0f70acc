// What is known of an address before a login asks anything of a person (T22): all tables together, kept up to date while the
// process runs. A file is taken over only once it has stood still from one look to the next, as half a list looks like a
// shorter one; and only whole, so a bad file leaves the table that was there.

import type { Anonymising } from '../core/risk.ts';
import type { Logger, NetworkFacts, Networks } from '../login/ports.ts';
import { type LoadedTable, loadTable } from './load.ts';
import { type Address, readAddress } from './network.ts';
import { stampOf } from './table-file.ts';

export interface WatchedNetworks extends Networks {
  /**
   * One look at every file: what changed is noted, and taken over by the next look if it has stood still since. Never fails;
   * what is wrong with a file is logged once for each time it changes. Called during a look, it joins that one.
   */
  reload(): Promise<void>;
  /** Looks again and again, until `close()`. Does not keep the process alive. */
  watch(): void;
  /** Looks no more; resolves when a look under way is done. Safe to repeat. */
  close(): Promise<void>;
}

interface Entry extends Pick<LoadedTable, 'source' | 'table'> {
  /** stamp of the file that was taken over or refused last */
  readonly judged: string;
  /** stamp of what the last look saw */
  readonly seen: string;
}

/** The one that tells most comes first. */
const STRENGTH: readonly Anonymising[] = ['tor', 'vpn', 'proxy', 'hosting', 'none'];

/**
 * The port `Networks` over tables that `loadNetworks` made; without any, nothing is known of any address.
 *
 * @param options.everySeconds between two looks of `watch()`; a change counts after two of them at the latest
 */
export function createNetworks(options: {
  readonly tables: readonly LoadedTable[];
  readonly log: Logger;
  readonly everySeconds?: number;
}): WatchedNetworks {
  const { log, everySeconds = 30 } = options;
  const entries: Entry[] = options.tables.map(({ source, table, stamp }) => ({
    source,
    table,
    judged: stamp,
    seen: stamp,
  }));
  let underWay: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function ask({ source, table }: Entry, address: Address): NetworkFacts {
    try {
      return table.look(address);
    } catch (error) {
      // a damaged record tells nothing; a login must not end over it
      log.warn({ file: source.path, err: error }, 'a record of a network table cannot be read');
      return {};
    }
  }

  async function lookAt(entry: Entry): Promise<Entry> {
    const { source, table, judged, seen } = entry;
    const now = await stampOf(source.path);
    if (now === judged || now !== seen) return { ...entry, seen: now };
    const reading = await loadTable(source);
    if (reading.stamp !== now) return { ...entry, seen: reading.stamp };
    if (!reading.ok) {
      log.warn(
        { file: source.path, faults: reading.faults },
        'a network table has faults: the one before stays in use',
      );
      return { ...entry, judged: now };
    }
    log.info({ file: source.path, before: table.about, now: reading.table.about }, 'a network table was reloaded');
    return { source, table: reading.table, judged: now, seen: now };
  }

  async function lookAtAll(): Promise<void> {
    // one after the other: only one large file is then held twice at a time
    for (const [at, entry] of entries.entries()) entries[at] = await lookAt(entry);
  }

  function reload(): Promise<void> {
    underWay ??= lookAtAll()
      .catch((error: unknown) => log.error({ err: error }, 'network tables could not be looked at'))
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  function watch(): void {
    if (closed || timer !== undefined) return;
    timer = setTimeout(async () => {
      await reload();
      timer = undefined;
      watch();
    }, everySeconds * 1_000).unref();
  }

  return {
    look(text) {
      const address = readAddress(text);
      // what is no address has no network that a table could fail to name
      return address === undefined ? {} : together(entries.map((entry) => ask(entry, address)));
    },
    reload,
    watch,
    async close() {
      closed = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

function together(told: readonly NetworkFacts[]): NetworkFacts {
  const anonymising = STRENGTH.find((kind) => told.some((facts) => facts.anonymising === kind));
  return told.reduce((sum, facts) => ({ ...sum, ...facts, ...(anonymising !== undefined && { anonymising }) }), {});
}
