// What logins cost: one line for each verification opened at the vendor (invariant 10), settled when its outcome is known.
// `costs --json` prints the lines as they are. The account is a keyed hash, made by the caller: whoever sees the bill can
// add up, and learns nobody's name (T18).

import { type Clock, FOREVER, type Ledger, type Store } from '../login/ports.ts';

/** One line as it is stored and printed. */
export interface LedgerLine {
  /** epoch seconds: when it was opened */
  readonly at: number;
  readonly client: string;
  /** keyed hash */
  readonly account: string;
  /** login, enrol, step-up … */
  readonly reason: string;
  /** the vendor's last word, in our names; null while there is none */
  readonly outcome: string | null;
  /** in the vendor's currency, as configured; null where no price is known */
  readonly price: number | null;
  /** whether the vendor bills it, as far as we know */
  readonly billed: boolean;
}

export interface KeptLedger extends Ledger {
  /** Writes the line of a verification. Safe to repeat: one line a verification. */
  open(entry: { verificationId: string; client: string; account: string; reason: string }): Promise<void>;
  /**
   * Writes how a verification ended. Safe to repeat: the last word counts, and what was billed once stays so. An unknown
   * verification is left alone.
   */
  settle(verificationId: string, outcome: string): Promise<void>;
  /** Every line, by the time it was opened. */
  entries(): AsyncIterable<LedgerLine>;
  /** The verifications that were opened for an account: for its removal. @param hashes its keyed hashes, one a data key */
  verificationsOf(hashes: readonly string[]): Promise<readonly string[]>;
}

/** Outcomes of a verification that ended before its checks ran: taken as not billed. */
const NOT_BILLED: ReadonlySet<string> = new Set(['not-started', 'not-finished', 'abandoned', 'expired', 'dropped']);
const PAGE = 500;

/**
 * A ledger kept in `store`, for ever.
 *
 * @param options.price of one verification, in the currency of the operator's bill; a line keeps the price of its day
 */
export function createLedger(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly price?: number | undefined;
}): KeptLedger {
  const { store, clock, price = null } = options;

  async function* entries(): AsyncGenerator<LedgerLine> {
    for await (const [, line] of stored()) yield line;
  }

  async function* stored(): AsyncGenerator<readonly [key: string, line: LedgerLine]> {
    let after: string | undefined;
    for (;;) {
      const keys = await store.keys('ledger:', { limit: PAGE, ...(after === undefined ? {} : { after }) });
      const lines = await Promise.all(keys.map(async (key) => [key, await store.get<LedgerLine>(key)] as const));
      for (const [key, line] of lines) if (line !== undefined) yield [key, line];
      after = keys.at(-1);
      if (after === undefined || keys.length < PAGE) return;
    }
  }

  return {
    async open({ verificationId, client, account, reason }) {
      const at = clock.now();
      const id = `${String(at).padStart(10, '0')}:${verificationId}`;
      const line: LedgerLine = { at, client, account, reason, outcome: null, price, billed: false };
      // the line before its index: a crash between the two leaves a cost counted, not one forgotten
      await store.putIfAbsent(lineKey(id), line, FOREVER);
      if (await store.putIfAbsent(indexKey(verificationId), id, FOREVER)) return;
      const first = await store.get<string>(indexKey(verificationId));
      if (first !== undefined && first !== id) await store.delete(lineKey(id));
    },
    async settle(verificationId, outcome) {
      const id = await store.get<string>(indexKey(verificationId));
      if (id === undefined) return;
      await store.update<LedgerLine, void>(lineKey(id), (line) =>
        line === undefined
          ? { kind: 'keep', result: undefined }
          : {
              kind: 'write',
              value: { ...line, outcome, billed: line.billed || !NOT_BILLED.has(outcome) },
              ttlSeconds: FOREVER,
              result: undefined,
            },
      );
    },
    entries,
    async verificationsOf(hashes) {
      const found: string[] = [];
      // ledger:<when>:<verification>
      for await (const [key, line] of stored()) {
        if (hashes.includes(line.account)) found.push(key.split(':').slice(2).join(':'));
      }
      return found;
    },
  };
}

function lineKey(id: string): string {
  return `ledger:${id}`;
}

function indexKey(verificationId: string): string {
  return `ledger-of:${verificationId}`;
}
