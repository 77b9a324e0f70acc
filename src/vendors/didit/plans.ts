// What each call to the vendor may cost: whose budget it uses, how often it is tried, and for how long. A call that a person
// waits for is short; one that must not happen twice is tried once.

import type { Budget } from './limits.ts';

/** Also the label of a call in metrics. */
export type Call = 'create' | 'decision' | 'delete' | 'list' | 'import' | 'forget' | 'workflow' | 'destinations';

export interface Plan {
  readonly budget: Budget;
  readonly tries: number;
  /** a person waits for the create: three short tries, then an honest page */
  readonly deadlineMs: number;
  /** a 2xx that is no JSON is no answer */
  readonly json: boolean;
}

export const PLANS: Readonly<Record<Call, Plan>> = {
  // a repeated create is safe: the vendor hands the unfinished session of the same `vendor_data` out again
  create: { budget: 'create', tries: 3, deadlineMs: 8000, json: true },
  decision: { budget: 'decision', tries: 2, deadlineMs: 5000, json: true },
  delete: { budget: 'write', tries: 3, deadlineMs: 8000, json: false },
  list: { budget: 'read', tries: 2, deadlineMs: 8000, json: true },
  // once only: had the answer been lost, a second try would be told that the token is used up, and a success would look refused
  import: { budget: 'write', tries: 1, deadlineMs: 8000, json: true },
  forget: { budget: 'write', tries: 3, deadlineMs: 8000, json: false },
  workflow: { budget: 'read', tries: 2, deadlineMs: 8000, json: true },
  destinations: { budget: 'read', tries: 2, deadlineMs: 8000, json: true },
};
