/**
 * A scenario is a name and a change to an approved outcome, so that what it does can be read in one line.
 */
import { warning } from './results.ts';
import type { JsonObject, WebhookMode } from './types.ts';

/** An outcome in the making: what the decision will say, and where it will lie. */
export interface Draft {
  status: string;
  results: JsonObject;
  /** Top-level fields of decision and delivery that say something else than the truth. */
  readonly overrides: JsonObject;
  /** Top-level fields that are left out. */
  readonly removed: Set<string>;
  resubmitInfo: JsonObject | null;
}

export interface Scenario {
  readonly slug: string;
  readonly title: string;
  /** `documented` slugs may be sent at create and armed as at the vendor; the others are ours and may be too. */
  readonly group: 'documented' | 'outcome' | 'flawed' | 'delivery';
  readonly webhook?: WebhookMode;
  readonly change: (draft: Draft) => void;
}

interface Spoiling {
  readonly warning?: readonly [feature: string, risk: string];
  readonly set?: JsonObject;
}

/** Gives a list's items another status, and a warning or other fields. Lists that did not run stay null. */
export function spoil(draft: Draft, list: string, status: string, { warning: named, set }: Spoiling = {}): void {
  const items = draft.results[list] as JsonObject[] | null;
  const level = status === 'Declined' ? 'error' : status === 'In Review' ? 'warning' : 'information';
  for (const item of items ?? []) {
    item.status = status;
    if (named !== undefined) item.warnings = [warning(named[0], named[1], level)];
    Object.assign(item, set);
  }
}
