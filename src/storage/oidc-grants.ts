// Grants, made for several tabs at once (R3). Tabs of one client share one, and the library writes it whole: of two that ask for different
// scopes at the same moment the last would drop what the other has stored. So what a request has added and taken out of what it had read
// is done to what is stored by then. Nothing that was taken out comes back by a request that had read it before; a revocation is no
// change of the record but a tombstone beside it (`oidc-adapter.ts`), which whatever is saved later is dead under.

import type { AdapterPayload } from 'oidc-provider';

/** What is allowed, or what is refused. */
interface Allowed {
  readonly openid?: { readonly scope?: string; readonly claims?: readonly string[] };
  readonly resources?: Readonly<Record<string, string>>;
}

interface Parts extends Allowed {
  readonly rejected?: Allowed;
}

type GrantPayload = AdapterPayload & Parts;

/** The objects of a grant: the library hands them back as it got them. */
const partsOf = ({ openid, resources, rejected }: GrantPayload): object[] =>
  [openid, resources, rejected].filter((part) => part !== undefined);

export interface GrantReadings {
  /** @param payload as the library is given it, or has just saved it */
  note(payload: GrantPayload): void;
  /** What the request that saves this had read, or saved before; nothing where the grant is new. */
  before(payload: GrantPayload): Parts;
}

export function createGrantReadings(): GrantReadings {
  const readBefore = new WeakMap<object, string>();
  return {
    note(payload) {
      const { openid, resources, rejected } = payload;
      const text = JSON.stringify({ openid, resources, rejected });
      for (const part of partsOf(payload)) readBefore.set(part, text);
    },
    before(payload) {
      const text = partsOf(payload)
        .map((part) => readBefore.get(part))
        .find((found) => found !== undefined);
      return text === undefined ? {} : (JSON.parse(text) as Parts);
    },
  };
}

/**
 * Three-way: what this request added or took out, on top of what others wrote meanwhile. What one refuses and another allows is
 * refused, as within one grant.
 *
 * @returns undefined for somebody else's grant, which is left as it is
 */
export function mergeGrant(stored: GrantPayload, mine: GrantPayload, before: Parts): GrantPayload | undefined {
  if (stored.accountId !== mine.accountId || stored.clientId !== mine.clientId) return undefined;
  const { openid: _openid, resources: _resources, rejected: _rejected, ...facts } = mine;
  const rejected = mergeAllowed(stored.rejected, mine.rejected, before.rejected);
  return {
    ...facts,
    exp: Math.max(stored.exp ?? 0, mine.exp ?? 0),
    ...mergeAllowed(stored, mine, before),
    ...(Object.keys(rejected).length > 0 ? { rejected } : {}),
  };
}

function mergeAllowed(stored: Allowed = {}, mine: Allowed = {}, before: Allowed = {}): Allowed {
  const scope = mergeWords(stored.openid?.scope, mine.openid?.scope, before.openid?.scope);
  const claims = mergeList(stored.openid?.claims, mine.openid?.claims, before.openid?.claims);
  const openid = { ...(scope ? { scope } : {}), ...(claims.length > 0 ? { claims } : {}) };
  const names = Object.keys({ ...stored.resources, ...mine.resources });
  const resources = names.flatMap((name) => {
    const words = mergeWords(stored.resources?.[name], mine.resources?.[name], before.resources?.[name]);
    return words ? [[name, words] as const] : [];
  });
  return {
    ...(Object.keys(openid).length > 0 ? { openid } : {}),
    ...(resources.length > 0 ? { resources: Object.fromEntries(resources) } : {}),
  };
}

function mergeWords(stored = '', mine = '', before = ''): string {
  const listOf = (words: string) => words.split(' ').filter((word) => word !== '');
  return mergeList(listOf(stored), listOf(mine), listOf(before)).join(' ');
}

function mergeList(
  stored: readonly string[] = [],
  mine: readonly string[] = [],
  before: readonly string[] = [],
): readonly string[] {
  const kept = stored.filter((each) => mine.includes(each) || !before.includes(each));
  const added = mine.filter((each) => !before.includes(each));
  return [...new Set([...kept, ...added])];
}
