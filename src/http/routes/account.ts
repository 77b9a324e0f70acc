// `/account`, the page of one's own: what is known about a person, where they are signed in, and every way to end it. For whoever proved
// within the last minutes, in this browser, whose account it is. Assembled here from its parts.

import type { Context } from 'koa';
import type { AccountAccess } from './account-access.ts';
import { type AccountActionParts, createAccountActions, FAULTS, NOTICES } from './account-actions.ts';
import { type AccountDeletionParts, createAccountDeletion } from './account-delete.ts';
import { type AccountViewParts, createAccountView, type Told } from './account-view.ts';

export type AccountRouteParts = Omit<AccountActionParts & AccountDeletionParts & AccountViewParts, 'access'>;

export type AccountRoutes = ReturnType<typeof createAccountRoutes>;

export function createAccountRoutes(parts: AccountRouteParts, access: AccountAccess) {
  const { reply } = parts;
  const viewOf = createAccountView(parts);
  return {
    ...createAccountActions({ ...parts, access }),
    deletion: createAccountDeletion({ ...parts, access }),

    async show(ctx: Context): Promise<void> {
      const session = await access.open(ctx);
      if (!session) return;
      reply.page(ctx, 200, 'account', await viewOf(ctx, session, toldBy(ctx.query)));
    },

    /** Asks for a new proof, though the one there is may be fresh: a code is not enough for everything. */
    signIn(ctx: Context): void {
      access.signIn(ctx, typeof ctx.query.for === 'string' ? ctx.query.for : '');
    },

    signedIn: access.signedIn,

    signedOut(ctx: Context): void {
      const after = (['here', 'denied', 'denied-face'] as const).find((word) => word === ctx.query.from);
      reply.page(ctx, 200, 'account-signed-out', { after: after ?? 'everywhere' });
    },
  };
}

/** Sentences of ours by the words of an address: nothing of the address itself is shown. */
function toldBy({ done, fault }: Context['query']): Told {
  const notice = sentence(NOTICES, done);
  const problem = sentence(FAULTS, fault);
  return { ...(notice ? { notice } : {}), ...(problem ? { fault: problem } : {}) };
}

function sentence(table: Readonly<Record<string, string>>, word: unknown): string | undefined {
  return typeof word === 'string' && Object.hasOwn(table, word) ? table[word] : undefined;
}
