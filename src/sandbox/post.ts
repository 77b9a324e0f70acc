/** One POST with exactly the headers given and nothing followed; a fault of the network is an answer with status 0. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** A receiver has five seconds, as at the vendor. */
const DELIVERY_TIMEOUT_MS = 5000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error: string | null;
}

export function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error): void => resolve({ status: 0, headers: {}, body: '', error: error.message });
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const outgoing = send(
      url,
      { method: 'POST', agent: false, signal, headers: { ...headers, 'content-length': body.length } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          const plain = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(plain), body: text, error: null });
        });
      },
    );
    outgoing.setTimeout(DELIVERY_TIMEOUT_MS, () => outgoing.destroy(new Error('no answer within 5 s')));
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}
