// The pages of a login, all below `/interaction/:uid`, where the library's interaction cookie reaches. A route parses, asks the
// journey, and shows what it says. In the order of a login: first page, other ways, waiting, hand-off, passkey, ends; and scope
// consent.

import { createAccess, type InteractionRouteParts } from './access.ts';
import { createConsentRoutes } from './consent.ts';
import { createEnds } from './ends.ts';
import { createFirstPage } from './first-page.ts';
import { createHandoff } from './handoff.ts';
import { createOtherWayRoutes } from './other-ways.ts';
import { createPasskeyRoutes } from './passkeys.ts';
import { createWaiting } from './waiting.ts';

export function createInteractionRoutes(parts: InteractionRouteParts) {
  const access = createAccess(parts);
  const consentRoutes = createConsentRoutes(parts, access);
  const waitingRoutes = createWaiting(parts, access);
  const ends = createEnds(parts, access);
  const firstPage = createFirstPage(parts, access, { ...consentRoutes, ...waitingRoutes });
  return {
    ...firstPage,
    ...waitingRoutes,
    ...createOtherWayRoutes(parts, access, { begin: firstPage.goOn }),
    ...createHandoff(parts, access),
    ...createPasskeyRoutes(parts, access, ends),
    finish: ends.finish,
    abort: ends.abort,
    ...consentRoutes,
  };
}

export type InteractionRoutes = ReturnType<typeof createInteractionRoutes>;
