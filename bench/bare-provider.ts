// A bare oidc-provider whose login ends as soon as it begins: whoever comes is signed in as whom the client hinted at.

import { endInteraction, makeBareProvider, serve } from './bare-library.ts';

const provider = await makeBareProvider();
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  await endInteraction(provider, ctx, String(params.login_hint));
});
serve(provider);
