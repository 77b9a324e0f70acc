// What a failed try means: whether to try again, and what may be told of it. Nothing a server wrote goes further than its
// three digits, as replies quote addresses.

import type { NodemailerError } from 'nodemailer';

/** Why a try failed, fit for a log: the connection's code, and the server's three digits where it answered. */
export interface Failure {
  readonly code: string;
  readonly status?: number;
  /** trying again would be refused again */
  readonly permanent: boolean;
}

/** What the library's error says, without its message. */
export function failureOf(error: unknown): Failure {
  const { code, originalCode, responseCode, permanent, command } = (error ?? {}) as Partial<NodemailerError>;
  const named = [originalCode, code].find((value) => typeof value === 'string' && /^[A-Z][A-Z0-9_]{2,49}$/.test(value));
  // A 5xx to anything before the recipient (the password, the sender) is about the operator's settings, and can be mended
  // while the mail waits.
  const isAboutThisMail = command === 'RCPT TO' || command === 'DATA';
  return {
    code: typeof named === 'string' ? named : 'unknown',
    ...(typeof responseCode === 'number' && { status: responseCode }),
    permanent: permanent === true && isAboutThisMail,
  };
}

/** In words for `check`, made of nothing the server said but its three digits. */
export function reasonOf({ code, status }: Failure): string {
  const answer = status === undefined ? '' : ` (${status})`;
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(code)) return `the mail server’s certificate is not trusted: ${code}`;
  switch (code) {
    case 'EAUTH':
      return `the mail server does not accept user and password${answer}`;
    case 'ETLS':
      return `the mail server does not encrypt${answer}, and only one on this machine may do without`;
    case 'ENOTFOUND':
    case 'EDNS':
      return 'the name of the mail server is not found';
    case 'ECONNREFUSED':
      return 'nothing listens at the address of the mail server';
    case 'ETIMEDOUT':
      return 'the mail server does not answer in time';
    default:
      return `the mail server cannot be used: ${code}${answer}`;
  }
}
