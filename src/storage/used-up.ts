// What a request uses up that is good once (a code, a refresh token, a pushed request, an interaction that is resumed), when the
// storage fails in the middle of it (R7). A 503 says "come back": whoever does must find again what was refused, and not hear that it was
// used. Two rules see to that, and neither lets anything be used twice:
//
// - A token request uses its code or refresh token up as its last step, when all that it gives is stored: no answer with tokens goes out
//   before that step has won. What was stored for a loser is known to nobody.
// - Each use carries a mark of its request. A request that is answered by a failure takes back its own mark and no other, again and
//   again until the storage answers. Whoever comes in between finds it used, and is refused.

import { randomUUID } from 'node:crypto';
import Provider, { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { createGivingBack } from '../login/giving-back.ts';
import { seeThrough } from './request-patience.ts';

/** A write whose answer was lost may still be on its way: longer than any engine carries out what was given up. */
const ON_ITS_WAY_MS = 3_000;
/** Of a storage that is away for longer it is not known when it comes back, and a code has ended by then. */
const TRIED_FOR_MS = 600_000;

export interface Use {
  /** of the record that is used up */
  readonly key: string;
  /** Exactly one of any number of callers gets through. @throws OIDCProviderError another one did */
  mark(owner: string): Promise<void>;
  /** @returns was it marked by this owner, and is good again? */
  unmark(owner: string): Promise<boolean>;
  /** The answer is out: what is not needed any more */
  forget?(): Promise<void>;
}

export interface UsedUp {
  /** Middleware next to the library. */
  around(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
  /** The answer will be a failure, whatever the library made of it. Resolves soon, and goes on beside it. */
  giveBack(request: object): Promise<void>;
  /** Uses something up in the name of the library's present request. */
  use(use: Use): Promise<void>;
  /** Whoever reads a record comes after what this process has to give back of it. @throws StorageUnavailable it could not be given back yet */
  settle(key: string): Promise<void>;
}

interface Using {
  readonly marked: { readonly use: Use; readonly owner: string; hasWon: boolean }[];
  last: (() => Promise<void>) | undefined;
}

export function createUsedUp(): UsedUp {
  const requests = new WeakMap<object, Using>();
  const givingBack = createGivingBack();

  function takeBack({ key, unmark }: Use, owner: string): Promise<void> {
    const begunAtMs = performance.now();
    const give = async () => (await unmark(owner)) || performance.now() - begunAtMs > ON_ITS_WAY_MS;
    return givingBack.begin(key, give, TRIED_FOR_MS);
  }

  return {
    async around(ctx, next) {
      const using: Using = { marked: [], last: undefined };
      requests.set(ctx.req, using);
      ctx.res.once('finish', () => {
        if (!requests.has(ctx.req)) return;
        for (const { use, hasWon } of using.marked) if (hasWon) use.forget?.().catch(() => {});
      });
      await next();
      // what fails by a fault of ours uses nothing up; what is refused does, as it always did
      if (using.last === undefined || ctx.status >= 500) return;
      try {
        await using.last();
      } catch (error) {
        if (!(error instanceof errors.OIDCProviderError)) throw error;
        if (ctx.status >= 400) return;
        ctx.status = error.statusCode;
        ctx.body = { error: error.error, error_description: error.error_description };
      }
    },

    async giveBack(request) {
      const using = requests.get(request);
      requests.delete(request);
      await Promise.all(using?.marked.map(({ use, owner }) => takeBack(use, owner)) ?? []);
    },

    async use(use) {
      const owner = randomUUID();
      const ctx = Provider.ctx;
      const using = ctx?.req && requests.get(ctx.req);
      // outside a request that could give it back
      if (!using) {
        await use.mark(owner);
        return use.forget?.();
      }
      const now = async () => {
        // before: of a mark whose answer is lost nobody knows whether it is there
        const marked = { use, owner, hasWon: false };
        using.marked.push(marked);
        await use.mark(owner);
        marked.hasWon = true;
      };
      if (ctx.oidc.route !== 'token') return now();
      seeThrough();
      using.last = now;
    },

    settle: givingBack.settle,
  };
}
