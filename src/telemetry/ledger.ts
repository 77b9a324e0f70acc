// What logins cost: one line for each verification opened at the vendor (invariant 10), settled when its outcome is known; and what
// was not spent, as a count a day of logins without a selfie. `costs --json` prints the lines as they are. The account is a keyed
// hash, made by the caller: whoever sees the bill can add up, and learns nobody's name (T18).

import { keyPages } from '../login/key-pages.ts';
import { type Clock, FOREVER, type Ledger, type Meter, type Store } from '../login/ports.ts';

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
  /** Counts a login that needed no selfie. Each call counts: once a login. */
  skip(): Promise<void>;
  /** @param isWanted of a day's first second (UTC), epoch seconds; every day if not said */
  savings(isWanted?: (at: number) => boolean): Promise<Savings>;
}

/** What was not spent. */
export interface Savings {
  /** logins without a selfie */
  readonly skipped: number;
  /** what a selfie cost on the day of each; null where no price was known */
  readonly saved: number | null;
}

/** Outcomes of a verification that ended before its checks ran, as far as we know: taken as not billed. */
const NOT_BILLED: ReadonlySet<string> = new Set([
  'not-started',
  'not-finished',
  'abandoned',
  'expired',
  'dropped',
  'gone',
]);
/** With a document check, which has a price of its own. */
const ENROLMENTS: ReadonlySet<string> = new Set(['enrol', 're-enrol']);

/**
 * A ledger kept in `store`, for ever.
 *
 * @param options.price of one selfie, in the currency of the operator's bill; a line keeps the price of its day
 * @param options.enrolmentPrice of one document check; that of a selfie if not said
 * @param options.meter counts the same money, each line and each skip once
 */
export function createLedger(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly price?: number | undefined;
  readonly enrolmentPrice?: number | undefined;
  readonly meter?: Pick<Meter, 'add'> | undefined;
}): KeptLedger {
  const { store, clock, price = null, enrolmentPrice = price, meter } = options;

  async function* entries(): AsyncGenerator<LedgerLine> {
    for await (const keys of keyPages(store, 'ledger:')) {
      const lines = await Promise.all(keys.map((key) => store.get<LedgerLine>(key)));
      for (const line of lines) if (line !== undefined) yield line;
    }
  }

  return {
    async open({ verificationId, client, account, reason }) {
      const at = clock.now();
      const id = `${String(at).padStart(10, '0')}:${verificationId}`;
      const cost = ENROLMENTS.has(reason) ? enrolmentPrice : price;
      const line: LedgerLine = { at, client, account, reason, outcome: null, price: cost, billed: false };
      // both before its index: a crash in between leaves a cost counted and a session that is found, not one forgotten
      await Promise.all([
        store.putIfAbsent(lineKey(id), line, FOREVER),
        store.putIfAbsent(accountKey(account, verificationId), true, FOREVER),
      ]);
      if (await store.putIfAbsent(indexKey(verificationId), id, FOREVER)) return;
      const first = await store.get<string>(indexKey(verificationId));
      if (first !== undefined && first !== id) await store.delete(lineKey(id));
    },
    async settle(verificationId, outcome) {
      const id = await store.get<string>(indexKey(verificationId));
      if (id === undefined) return;
      const newlyBilled = await store.update<LedgerLine, LedgerLine | undefined>(lineKey(id), (line) => {
        if (line === undefined) return { kind: 'keep', result: undefined };
        const value = { ...line, outcome, billed: line.billed || !NOT_BILLED.has(outcome) };
        return {
          kind: 'write',
          value,
          ttlSeconds: FOREVER,
          result: value.billed && !line.billed ? value : undefined,
        };
      });
      if (newlyBilled) meter?.add('spent', newlyBilled.price ?? 0, { reason: newlyBilled.reason });
    },
    entries,
    async verificationsOf(hashes) {
      const found = new Set<string>();
      for (const hash of hashes) {
        const prefix = accountKey(hash, '');
        for await (const keys of keyPages(store, prefix)) for (const key of keys) found.add(key.slice(prefix.length));
      }
      return [...found];
    },
    async skip() {
      // a count for each price of a day: whoever adds never waits for another, and no sum of money is kept to drift
      await store.increment(`${SKIPPED}${dayOf(clock.now())}:${price ?? ''}`, FOREVER);
      meter?.add('saved', price ?? 0);
    },
    async savings(isWanted = () => true) {
      let skipped = 0;
      let saved: number | null = null;
      for await (const keys of keyPages(store, SKIPPED)) {
        for (const key of keys) {
          const [day = '', cost = ''] = key.slice(SKIPPED.length).split(':');
          if (!isWanted(Date.parse(day) / 1000)) continue;
          const count = (await store.get<number>(key)) ?? 0;
          skipped += count;
          if (cost !== '') saved = (saved ?? 0) + count * Number(cost);
        }
      }
      return { skipped, saved };
    },
  };
}

function lineKey(id: string): string {
  return `ledger:${id}`;
}

function indexKey(verificationId: string): string {
  return `ledger-of:${verificationId}`;
}

function accountKey(account: string, verificationId: string): string {
  return `ledger-by:${account}:${verificationId}`;
}

/** `skipped:<day>:<price>` */
const SKIPPED = 'skipped:';

function dayOf(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().slice(0, 10);
}
