/** A stand-in with a receiver for its deliveries, and a caller of its API, as every test here needs them. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import type { JsonObject, SandboxOptions } from '../../src/sandbox/types.ts';

export const WORKFLOWS = {
  enrol: '11111111-0000-4000-8000-000000000001',
  passive: '11111111-0000-4000-8000-000000000002',
  active: '11111111-0000-4000-8000-000000000003',
};
export const API_KEY = 'test-key';
export const SECRET = 'example-webhook-secret-not-a-real-one-00001';
export const NOW = 1_767_225_600;

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: JsonObject;
}

export interface StandIn {
  readonly sandbox: Sandbox;
  readonly received: Received[];
  /** Answers the next deliveries with these statuses, then with 200. */
  readonly answers: number[];
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Creates a session and gives its 201 body. */
  create(body?: JsonObject): Promise<JsonObject & { session_id: string; url: string }>;
  /** Moves the stand-in's clock. */
  wait(seconds: number): void;
}

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

export async function startStandIn(options: Partial<SandboxOptions> = {}): Promise<StandIn> {
  let now = NOW;
  const received: Received[] = [];
  const answers: number[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      received.push({ headers: request.headers, text, body: parsed(text) });
      response.writeHead(answers.shift() ?? 200, { 'x-receiver': 'yes' }).end('thanks');
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const sandbox = await startSandbox({
    apiKey: API_KEY,
    webhookSecrets: [SECRET],
    webhookUrl: `http://127.0.0.1:${port}/webhooks/didit`,
    workflows: WORKFLOWS,
    now: () => now,
    host: '127.0.0.1',
    ...options,
  });
  open.push(
    () => sandbox.close(),
    () => new Promise((resolve) => receiver.close(resolve)),
  );
  const call: StandIn['call'] = (method, path, body, headers = { 'x-api-key': API_KEY }) =>
    fetch(path.startsWith('http') ? path : sandbox.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const create: StandIn['create'] = async (body = {}) => {
    const answer = await call('POST', '/v3/session/', {
      workflow_id: WORKFLOWS.enrol,
      vendor_data: 'user-42',
      ...body,
    });
    if (answer.status !== 201) throw new Error(`create answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Awaited<ReturnType<StandIn['create']>>;
  };
  return {
    sandbox,
    received,
    answers,
    call,
    create,
    wait: (seconds) => {
      now += seconds;
    },
  };
}

/** A browser as far as these tests need one: it keeps cookies and follows nothing. */
export function startBrowser(headers: Record<string, string> = {}) {
  let cookie = '';
  const go = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { ...headers, ...(cookie === '' ? {} : { cookie }) },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    return answer;
  };
  return { go };
}

function parsed(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
