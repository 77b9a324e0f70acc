// The program's log: JSON, one line a fact, on standard output. What a line may say is decided by whoever writes it;
// `redact.ts` takes out what must not be there all the same (T18).

import { AsyncLocalStorage } from 'node:async_hooks';
import { type DestinationStream, type LevelWithSilent, pino } from 'pino';
import type { Logger } from '../login/ports.ts';
import { standardOutput } from './output.ts';
import { redactFields, redactText } from './redact.ts';

export { redactPath } from './redact.ts';

export type LogLevel = Extract<LevelWithSilent, 'debug' | 'info' | 'warn' | 'error' | 'silent'>;

/** Of the words that LOG_LEVEL knows, those that lines here have. */
export function logLevelOf(setting: LogLevel | 'trace' | 'fatal'): LogLevel {
  if (setting === 'trace') return 'debug';
  return setting === 'fatal' ? 'error' : setting;
}

export interface RequestLogger extends Logger {
  /** Runs one request: every line written in its course, however deep, carries `request_id`. */
  inRequest<T>(requestId: string, work: () => Promise<T>): Promise<T>;
}

/**
 * A logger of JSON lines: `{"level","time","msg",…fields}`, `time` in ISO 8601, `request_id` inside a request. Errors
 * belong in the field `err`.
 *
 * @param options.base        stands on every line
 * @param options.destination where lines go; standard output if absent, at once or as soon as it takes them
 */
export function createLogger(options: {
  readonly level: LogLevel;
  /** on every line, as is */
  readonly base?: object | undefined;
  readonly destination?: DestinationStream;
}): RequestLogger {
  const requests = new AsyncLocalStorage<string>();
  const lines = pino(
    {
      level: options.level,
      // no process id and host name: the platform that collects lines knows where they come from
      base: options.base ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // plain data by then: pino's own reader of errors would copy what they carry, and join the messages of causes
      serializers: { err: (described: unknown) => described },
    },
    options.destination ?? standardOutput(),
  );

  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    if (!lines.isLevelEnabled(level)) return;
    const request_id = requests.getStore();
    const redacted = redactFields(fields);
    lines[level](request_id === undefined ? redacted : { request_id, ...redacted }, redactText(message));
  };

  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    inRequest: (requestId, work) => requests.run(requestId, work),
  };
}
