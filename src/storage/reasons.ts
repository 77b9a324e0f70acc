// Why a storage engine did not do what it was asked, in words that an operator can use. A code and words of ours: what a driver says
// may hold what the URL held.

import { StorageUnavailable } from '../core/errors.ts';

const SILENT = 'no answer: a firewall, another port, or TLS on one side only';

const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no host has that name',
  EAI_AGAIN: 'the name of the host could not be looked up',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  ETIMEDOUT: SILENT,
  // Redis
  WRONGPASS: 'the user or the password is wrong',
  NOAUTH: 'the server wants a password',
  NOPERM: 'the user may not do this',
  OOM: 'the memory of the server is full',
  READONLY: 'the server takes no writes',
  LOADING: 'the server is still starting',
  MISCONF: 'the server cannot write to its disk',
  // PostgreSQL
  '28P01': 'the user or the password is wrong',
  '28000': 'the user may not sign in',
  '3D000': 'there is no such database',
  '42501': 'the user may not do this',
  '53100': 'the disk of the server is full',
  '53300': 'the server has no connection left',
  '55P03': 'the row is held by somebody else',
  '57014': 'it took too long',
  '57P03': 'the server is still starting',
  '25006': 'the server takes no writes',
};

/** What has no code that says it. */
const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [/^ERR DB index is out of range/, 'ERR: there is no such database'],
  [/^ERR AUTH .*without any password/, 'ERR: the URL has a password, and the server none'],
  [/^no answer within|timeout/i, SILENT],
  [/does not support SSL/, 'the server speaks no TLS'],
  [/password must be a string/, 'the server wants a password'],
];

/** `CODE: meaning`, one of the two, or nothing. */
export function reasonOf(error: unknown): string | undefined {
  // said by us, and made for whoever reads it
  if (error instanceof StorageUnavailable) return error.message;
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  // what a server answers with a code is no silence, whatever its message is about
  const isAnswer = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
  const known = isAnswer ? undefined : BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];
  if (known !== undefined) return known;
  const said = typeof code === 'string' ? code : /^[A-Z]{3,}(?= )/.exec(message)?.[0];
  if (said === undefined) return undefined;
  const meaning = MEANINGS[said];
  return meaning === undefined ? said : `${said}: ${meaning}`;
}

/** What becomes of an operation, behind the name of the engine. */
export function failureOf(error: unknown): string {
  const reason = reasonOf(error);
  return reason === undefined ? 'did not answer' : `did not do it (${reason})`;
}
