// `POST /webhooks/didit`: takes the raw bytes, has them proven and stored, answers. The work happens after (invariant 5).

import type { Context } from 'koa';
import type { Inbox } from '../../login/inbox.ts';
import type { Logger, Meter } from '../../login/ports.ts';

const MAX_BYTES = 1_048_576;

export function createWebhookRoute(parts: { inbox: Inbox; meter: Meter; log: Logger }) {
  const { inbox, meter, log } = parts;

  return async function receiveWebhook(ctx: Context): Promise<void> {
    const begun = performance.now();
    ctx.set('Cache-Control', 'no-store');
    const body = await readBody(ctx);
    if (body === undefined) {
      // the rest of the body is not read: the connection ends with the answer
      ctx.set('Connection', 'close');
      return answer(ctx, 413, 'too-large');
    }
    try {
      const headers = Object.fromEntries(
        Object.entries(ctx.req.headers).filter(([, value]) => typeof value === 'string'),
      );
      const { status, result } = await inbox.receive({ headers: headers as Record<string, string>, body });
      answer(ctx, status, result);
      meter.observe('webhook_acknowledged', (performance.now() - begun) / 1000);
    } catch (error) {
      // not stored: the vendor has to send it again
      log.error({ err: error }, 'a delivery could not be stored');
      ctx.set('Retry-After', '2');
      answer(ctx, 503, 'not-stored');
    }
  };

  function answer(ctx: Context, status: number, result: string): void {
    meter.count('webhooks', { result });
    ctx.status = status;
    ctx.body = status === 202 ? { status: 'accepted' } : { error: result };
  }
}

/** @throws Error the sender went away before the end */
function readBody(ctx: Context): Promise<Buffer | undefined> {
  if (Number(ctx.get('Content-Length')) > MAX_BYTES) return Promise.resolve(undefined);
  const { req } = ctx;
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BYTES) return chunks.push(chunk);
      req.pause();
      return resolve(undefined);
    });
    req.once('end', () => resolve(Buffer.concat(chunks)));
    req.once('error', reject);
    req.once('close', () => reject(new Error('the delivery was cut off')));
  });
}
