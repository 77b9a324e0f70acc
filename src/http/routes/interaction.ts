// The pages of a login, all below `/interaction/:uid`, where the library's interaction cookie reaches. A route parses, asks the
// journey, and shows what it says. In the order of a login: first page, waiting, hand-off, ends; and scope consent.

import { createAccess, type InteractionRouteParts } from './access.ts';
import { createConsentRoutes } from './consent.ts';
import { createEnds } from './ends.ts';
import { createFirstPage } from './first-page.ts';
import { createHandoff } from './handoff.ts';
import { createWaiting } from './waiting.ts';

export function createInteractionRoutes(parts: InteractionRouteParts) {
  const access = createAccess(parts);
  const consentRoutes = createConsentRoutes(parts, access);
  const waitingRoutes = createWaiting(parts, access);
  return {
    ...createFirstPage(parts, access, { ...consentRoutes, ...waitingRoutes }),
    ...waitingRoutes,
    ...createHandoff(parts, access),
    ...createEnds(parts, access),
    ...consentRoutes,
  };
}

export type InteractionRoutes = ReturnType<typeof createInteractionRoutes>;
