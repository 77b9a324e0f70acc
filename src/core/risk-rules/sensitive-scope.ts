// Speaks when the client asks for a scope that the operator holds dear: whoever took over a remembered device gets no further with it.

import type { Rule } from '../risk.ts';

/** Names the first of the operator's list, so that only words from the policy get into the journal, none from the request. */
export const sensitiveScope: Rule = {
  speaks(signals, { scopes }) {
    const asked = scopes.find((scope) => signals.scopes.includes(scope));
    return asked === undefined ? undefined : `sensitive-scope:${asked}`;
  },
};
