// What every record is: how it is counted, and whether a restore brings it back. A backup is older than what happened since, so
// whatever lets somebody in, and may have been used, replaced or taken back meanwhile, stays away unless it is asked for; what keeps
// somebody out always comes (docs/decisions/2026-11-21-backups.md). A record that is not listed here stays away from a restore.

/** What a restore brings back on request only: the operator knows that none was taken back since. */
export const WISHES = ['consents', 'devices', 'invitations', 'passkeys', 'recovery'] as const;
export type Wish = (typeof WISHES)[number];

/** `own`: of this storage alone, in no archive. `never`: moves only. */
type Fate = 'kept' | 'never' | 'own' | Wish;

export interface Kind {
  /** as it is counted */
  readonly name: string;
  readonly fate: Fate;
}

const RECORDS: Readonly<Record<string, Kind>> = {
  // people
  account: { name: 'accounts', fate: 'kept' },
  identifier: { name: 'identifiers', fate: 'kept' },
  portrait: { name: 'faces', fate: 'kept' },
  activity: { name: 'histories', fate: 'kept' },
  'sign-in': { name: 'histories', fate: 'kept' },
  'pairwise-salt': { name: 'settings', fate: 'kept' },
  'hash-keys': { name: 'settings', fate: 'kept' },
  'key-history': { name: 'settings', fate: 'kept' },
  // evidence, and what keeps somebody out
  journal: { name: 'journal', fate: 'kept' },
  'journal-lines': { name: 'journal', fate: 'kept' },
  ledger: { name: 'ledger', fate: 'kept' },
  'ledger-of': { name: 'ledger indexes', fate: 'kept' },
  'ledger-by': { name: 'ledger indexes', fate: 'kept' },
  skipped: { name: 'ledger', fate: 'kept' },
  owner: { name: 'verifications', fate: 'kept' },
  allowance: { name: 'allowances', fate: 'kept' },
  'shared-copy': { name: 'shared copies', fate: 'kept' },
  event: { name: 'webhooks', fate: 'kept' },
  'removed-account': { name: 'removed accounts', fate: 'kept' },
  erasure: { name: 'erasures', fate: 'kept' },
  denial: { name: 'notices', fate: 'kept' },
  revoked: { name: 'revocations', fate: 'kept' },
  'oidc:revoked': { name: 'revocations', fate: 'kept' },
  'logout-told': { name: 'logouts told', fate: 'kept' },
  'oidc:ReplayDetection': { name: 'used assertions', fate: 'kept' },
  limit: { name: 'limits', fate: 'kept' },
  told: { name: 'limits', fate: 'kept' },
  'vendor-rate': { name: 'limits', fate: 'kept' },
  // other ways in, and what was allowed: any may have been used or taken back since
  passkeys: { name: 'passkey lists', fate: 'passkeys' },
  'passkey-of': { name: 'passkeys', fate: 'passkeys' },
  'known-device': { name: 'devices', fate: 'devices' },
  'devices-of': { name: 'device lists', fate: 'devices' },
  recovery: { name: 'recovery codes', fate: 'recovery' },
  invitation: { name: 'invitations', fate: 'invitations' },
  consent: { name: 'consents', fate: 'consents' },
  // who is signed in
  'oidc:SessionId': { name: 'session cookies', fate: 'never' },
  'oidc:SessionUid': { name: 'sessions', fate: 'never' },
  'grant-of': { name: 'grants', fate: 'never' },
  'oidc:Grant': { name: 'grants', fate: 'never' },
  'oidc:RefreshToken': { name: 'refresh tokens', fate: 'never' },
  'oidc:AccessToken': { name: 'access tokens', fate: 'never' },
  'oidc:ClientCredentials': { name: 'access tokens', fate: 'never' },
  'oidc:AuthorizationCode': { name: 'codes', fate: 'never' },
  'oidc:DeviceCode': { name: 'codes', fate: 'never' },
  'oidc:UserCode': { name: 'codes', fate: 'never' },
  'oidc:BackchannelAuthenticationRequest': { name: 'requests', fate: 'never' },
  'oidc:PushedAuthorizationRequest': { name: 'requests', fate: 'never' },
  'oidc:Interaction': { name: 'requests', fate: 'never' },
  proof: { name: 'proofs of sessions', fate: 'never' },
  allowed: { name: 'proofs of sessions', fate: 'never' },
  // who is signing in
  attempt: { name: 'logins', fate: 'never' },
  claim: { name: 'login locks', fate: 'never' },
  held: { name: 'login locks', fate: 'never' },
  opening: { name: 'login locks', fate: 'never' },
  preempted: { name: 'login locks', fate: 'never' },
  obstacle: { name: 'login locks', fate: 'never' },
  'let-wait': { name: 'login locks', fate: 'never' },
  'stale-look': { name: 'login locks', fate: 'never' },
  'key-challenge': { name: 'login locks', fate: 'never' },
  // of one storage and the processes on it
  backend: { name: 'own', fate: 'own' },
  check: { name: 'own', fate: 'own' },
  import: { name: 'own', fate: 'own' },
  instance: { name: 'own', fate: 'own' },
  lease: { name: 'own', fate: 'own' },
  moves: { name: 'own', fate: 'own' },
  'storage-id': { name: 'own', fate: 'own' },
  sweep: { name: 'own', fate: 'own' },
  'vendor-notes': { name: 'own', fate: 'own' },
  'vendor-probe': { name: 'own', fate: 'own' },
  'reseal-progress': { name: 'own', fate: 'own' },
};

const JOBS: Readonly<Record<string, Kind>> = {
  // safe to repeat, and each ends something
  forget: { name: 'erasures waiting', fate: 'kept' },
  delete: { name: 'deletions at the vendor waiting', fate: 'kept' },
  delivery: { name: 'webhooks waiting', fate: 'kept' },
  logout: { name: 'logouts waiting', fate: 'kept' },
  // a mail may have been sent since, and a new face called off
  mail: { name: 'mails waiting', fate: 'never' },
  renewal: { name: 'new faces waiting', fate: 'never' },
  look: { name: 'looks at logins', fate: 'never' },
  'single-look': { name: 'looks at logins', fate: 'never' },
  lapse: { name: 'looks at logins', fate: 'never' },
  // every provider makes them when it starts
  reseal: { name: 'own', fate: 'own' },
  sweep: { name: 'own', fate: 'own' },
};

const UNKNOWN: Kind = { name: 'others', fate: 'never' };

export function kindOfRecord(key: string): Kind {
  const [first = '', second = ''] = key.split(':', 2);
  return lookUp(RECORDS, first === 'oidc' ? `oidc:${second}` : first);
}

export function kindOfJob(kind: string): Kind {
  return lookUp(JOBS, kind);
}

function lookUp(table: Readonly<Record<string, Kind>>, name: string): Kind {
  return Object.hasOwn(table, name) ? (table[name] ?? UNKNOWN) : UNKNOWN;
}

/** What a provider that nobody has used yet writes by itself; it gives way to what an archive holds, and one that runs all the same notices. */
const OF_A_NEW_PROVIDER = new Set(['pairwise-salt', 'hash-keys', 'key-history', 'storage-id']);

/** Is this in a storage that nobody has used yet? */
export function isOfNoAccount(key: string): boolean {
  return kindOfRecord(key).fate === 'own' || OF_A_NEW_PROVIDER.has(key);
}

export const GIVES_WAY: readonly string[] = [...OF_A_NEW_PROVIDER];

/** How somebody wants an archive to be taken over. */
export type Manner = { readonly kind: 'move' } | { readonly kind: 'restore'; readonly keep: readonly Wish[] };

export function isWanted({ fate }: Kind, manner: Manner): boolean {
  if (fate === 'own') return false;
  if (manner.kind === 'move' || fate === 'kept') return true;
  return fate !== 'never' && manner.keep.includes(fate);
}
