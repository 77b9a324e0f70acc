// The floor of a login by selfie: a bare oidc-provider that makes the exchanges such a login is made of, each as cheaply as can be, and
// does nothing else. A page with a form, a verification opened at the vendor, two signed deliveries, the way back. It keeps what it knows
// in a map, renders, stores, limits, weighs and logs nothing, and would let anybody in: nobody's answer is compared with anything.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type Context, endInteraction, makeBareProvider, serve } from './bare-library.ts';

const { VENDOR_URL = '', API_KEY = '', WEBHOOK_SECRET = '', WORKFLOW = '', ISSUER: issuer = '' } = process.env;
const INTERACTION = /^\/interaction\/([^/]+)(\/begin|\/return)?$/;
/** As long as our own first page. */
const FILLING = '<p>x</p>'.repeat(600);

const agent = new Agent({ keepAlive: true });
/** whose verification it is, and which of them are approved, by the vendor's id for it */
const opened = new Map<string, string>();
const approved = new Set<string>();
const provider = await makeBareProvider();

provider.use(async (ctx, next) => {
  if (ctx.path === '/webhooks/didit') return takeDelivery(ctx);
  const [, uid = '', step] = INTERACTION.exec(ctx.path) ?? [];
  if (uid === '') return next();
  if (step === '/begin') return begin(ctx, uid);
  const vendorId = String(ctx.query.verificationSessionId);
  if (step === '/return' && approved.delete(vendorId)) {
    const identifier = opened.get(vendorId) ?? '';
    opened.delete(vendorId);
    return endInteraction(provider, ctx, identifier);
  }
  const { session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (session !== undefined) return endInteraction(provider, ctx, '');
  ctx.type = 'html';
  ctx.body = `<form method="post"><input name="csrf" value="${randomBytes(16).toString('hex')}"><input name="identifier"></form>${FILLING}`;
});
serve(provider);

/** Opens a verification and leads to it. */
async function begin(ctx: Context, uid: string): Promise<void> {
  const identifier = new URLSearchParams((await bodyOf(ctx.req)).toString()).get('identifier') ?? '';
  const body = JSON.stringify({
    workflow_id: WORKFLOW,
    vendor_data: identifier,
    callback: `${issuer}/interaction/${uid}/return`,
    callback_method: 'completer',
  });
  const answer = await new Promise<IncomingMessage>((done, fail) => {
    const headers = { 'x-api-key': API_KEY, 'content-type': 'application/json' };
    request(`${VENDOR_URL}/v3/session/`, { method: 'POST', agent, headers }, done).once('error', fail).end(body);
  });
  const { session_id: vendorId, url } = JSON.parse((await bodyOf(answer)).toString()) as Record<string, string>;
  opened.set(vendorId ?? '', identifier);
  ctx.status = 303;
  ctx.redirect(url ?? '');
}

/** Believes a delivery by the signature of its raw bytes. */
async function takeDelivery(ctx: Context): Promise<void> {
  const body = await bodyOf(ctx.req);
  const expected = createHmac('sha256', WEBHOOK_SECRET).update(body).digest();
  const given = Buffer.from(ctx.get('x-signature'), 'hex');
  const isSigned = given.length === expected.length && timingSafeEqual(given, expected);
  ctx.status = isSigned ? 202 : 401;
  if (!isSigned) return;
  const { session_id: vendorId, status } = JSON.parse(body.toString()) as Record<string, string>;
  if (status === 'Approved' && vendorId !== undefined) approved.add(vendorId);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
