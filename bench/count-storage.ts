// Loaded into the provider before its own program where look-ups are counted: what it asks of the storage port, and what the port
// asks of the engine (statements of SQLite and PostgreSQL, commands of Redis). The provider's source knows nothing of it.

import { registerHooks } from 'node:module';
import { Socket } from 'node:net';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { createClient } from '@redis/client';
import pg from 'pg';
import { answerCountQuestions, count } from './counters.ts';

const PORT = new URL('../src/storage/backends.ts', import.meta.url).href;
const COUNTED = new URL('./counted-backends.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === PORT && context.parentURL !== COUNTED ? { ...found, url: COUNTED } : found;
  },
});

type Method = (this: object, ...args: unknown[]) => unknown;

/** Tells what each call of a method is about before it is made. */
function watch(prototype: object, name: string, tell: (self: object, args: readonly unknown[]) => void): void {
  const methods = prototype as Record<string, Method>;
  const method = methods[name] as Method;
  methods[name] = function watched(...args) {
    tell(this, args);
    return method.apply(this, args);
  };
}

for (const name of ['run', 'get', 'all']) {
  watch(StatementSync.prototype, name, (statement) =>
    count(`engine ${wordOf((statement as StatementSync).sourceSQL)}`),
  );
}
watch(DatabaseSync.prototype, 'exec', (_database, [sql]) => count(`engine ${wordOf(String(sql))}`));
watch(pg.Client.prototype, 'query', (_client, [query]) => {
  const { text } = query as { text?: string };
  count(`engine ${wordOf(text ?? String(query))}`);
});
watch(redisPrototype(), 'sendCommand', (_client, [command]) => count(`engine ${(command as string[])[0]}`));

const server = URL.parse(process.env.STORAGE_URL ?? '');
const serverPort = Number(server?.port || { 'redis:': 6379, 'postgres:': 5432 }[server?.protocol ?? '']);
// several statements may go in one, and one may be too long for one
for (const name of ['_write', '_writev']) {
  watch(Socket.prototype, name, (socket) => {
    if ((socket as Socket).remotePort === serverPort) count('sent to the server');
  });
}

/** The driver hands out classes made at run time; what they share is where the method stands. */
function redisPrototype(): object {
  for (let at: object = createClient(); ; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, 'sendCommand')) return at;
  }
}

function wordOf(sql: string): string {
  return /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? '';
}

answerCountQuestions();
