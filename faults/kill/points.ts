// The named points of a login at which a provider is killed (R6), in the order in which a login comes by.

import type { Moment, WriteOp } from '../preloads/kill-points.ts';

export interface KillPoint {
  readonly name: string;
  readonly moment: Moment;
  /** which login comes by here: a newcomer's, a known person's, or both */
  readonly by: 'newcomer' | 'known' | 'both';
  /** the approval is with us, or delivered again, and not used up: whoever reloads is let in by it, without another selfie */
  readonly keeps?: boolean;
  /** the decision cannot be read at the vendor: nothing but the delivery leads on, and a lost one is not made good by a look */
  readonly byDelivery?: boolean;
}

const write = (
  op: WriteOp,
  key: string,
  when: 'before' | 'after',
  more: { readonly state?: string; readonly nth?: number } = {},
): Moment => ({ on: 'write', op, key, when, ...more });
const answer = (method: string, path: string, when: 'before' | 'after', nth = 1): Moment => ({
  on: 'answer',
  method,
  path,
  when,
  nth,
});
const call = (path: string, when: 'before' | 'after'): Moment => ({ on: 'call', path, when });

const CREATE = '^POST /v3/session/?$';
const BEGIN = '^/interaction/[^/]+/begin$';
/** the vendor tells that it was begun, and then the verdict */
const VERDICT = 2;
/** its answer is put into it, and then it is taken */
const RESUMED = 2;
const WEBHOOK = '^/webhooks/didit$';
const RESUME = '^/auth/[\\w-]+$';
const FINISH = '^/interaction/[^/]+/finish$';
const TOKEN = '^/token$';

export const KILL_POINTS: readonly KillPoint[] = [
  { name: 'before the claim', moment: write('update', 'claim:', 'before'), by: 'known' },
  { name: 'claimed, no attempt yet', moment: write('update', 'claim:', 'after'), by: 'both' },
  { name: 'attempt stored, vendor not asked', moment: write('putIfAbsent', 'attempt:', 'after'), by: 'both' },
  { name: 'attempt to lapse, journal not sure to tell', moment: write('schedule', 'lapse:', 'after'), by: 'known' },
  { name: 'vendor about to be asked', moment: call(CREATE, 'before'), by: 'known' },
  { name: "vendor's answer not yet read", moment: call(CREATE, 'after'), by: 'both' },
  { name: 'session owned, not in the ledger', moment: write('update', 'owner:', 'after'), by: 'both' },
  { name: 'in the ledger, not in the attempt', moment: write('putIfAbsent', 'ledger-of:', 'after'), by: 'known' },
  {
    name: 'session in the attempt, nothing told',
    moment: write('update', 'attempt:', 'after', { state: 'open' }),
    by: 'known',
  },
  { name: 'before the redirect to the vendor', moment: answer('POST', BEGIN, 'before'), by: 'both' },
  {
    name: 'delivery believed, not stored',
    moment: write('schedule', 'delivery:', 'before'),
    by: 'newcomer',
    keeps: true,
    byDelivery: true,
  },
  {
    name: 'delivery stored or settled, before the 202',
    moment: answer('POST', WEBHOOK, 'before', VERDICT),
    by: 'known',
    keeps: true,
    byDelivery: true,
  },
  {
    name: 'delivery answered',
    moment: answer('POST', WEBHOOK, 'after', VERDICT),
    by: 'both',
    keeps: true,
    byDelivery: true,
  },
  {
    name: 'verdict about to be written',
    moment: write('update', 'attempt:', 'before', { state: 'settled' }),
    by: 'known',
    keeps: true,
  },
  {
    name: 'verdict written, nothing told',
    moment: write('update', 'attempt:', 'after', { state: 'settled' }),
    by: 'both',
    keeps: true,
  },
  {
    name: 'delivery settled, not noted',
    moment: write('set', 'event:', 'before', { nth: VERDICT }),
    by: 'both',
    keeps: true,
  },
  {
    name: 'account written, identifier not won',
    moment: write('putIfAbsent', 'account:', 'after'),
    by: 'newcomer',
    keeps: true,
  },
  {
    name: 'identifier won, attempt not told',
    moment: write('putIfAbsent', 'identifier:', 'after'),
    by: 'newcomer',
    keeps: true,
  },
  {
    name: 'before the verdict is spent',
    moment: write('update', 'attempt:', 'before', { state: 'spent' }),
    by: 'both',
    keeps: true,
  },
  {
    name: 'verdict spent, nothing answered',
    moment: write('update', 'attempt:', 'after', { state: 'spent' }),
    by: 'both',
    keeps: true,
  },
  {
    name: 'verdict spent, what follows half done',
    moment: write('set', 'sign-in:', 'before'),
    by: 'known',
    keeps: true,
  },
  { name: 'result stored, before the redirect', moment: answer('GET', FINISH, 'before'), by: 'known', keeps: true },
  {
    name: 'interaction taken, no session yet',
    moment: write('update', 'oidc:Interaction:', 'after', { nth: RESUMED }),
    by: 'both',
  },
  { name: 'code stored, before its redirect', moment: write('set', 'oidc:AuthorizationCode:', 'after'), by: 'both' },
  { name: 'before the redirect with the code', moment: answer('GET', RESUME, 'before'), by: 'known' },
  { name: 'before the code is consumed', moment: write('update', 'oidc:AuthorizationCode:', 'before'), by: 'known' },
  {
    name: 'code consumed, after all it gives',
    moment: write('update', 'oidc:AuthorizationCode:', 'after'),
    by: 'both',
  },
  { name: 'before the answer with tokens', moment: answer('POST', TOKEN, 'before'), by: 'known' },
];
