// What a template gets of a mail: every value as text to print, made harmless here and not in the template, so that a
// template an operator wrote is as safe as ours.

import type { Circumstances, Mail } from '../login/mail.ts';

/** Fields by name; which ones there are depends on the kind. A field may be undefined, as `client` where there was none. */
export type LetterPage = Readonly<Record<string, string | undefined>>;

const LONGEST_NAME = 60;

/** @param expiresAtMs as `expiryOf()` said when the mail was handed over; a late try must not promise more time */
export function pageOf(mail: Mail, serviceName: string, expiresAtMs: number): LetterPage {
  return { kind: mail.kind, serviceName: name(serviceName), ...detailsOf(mail, serviceName, expiresAtMs) };
}

function detailsOf(mail: Mail, serviceName: string, expiresAtMs: number): LetterPage {
  if (mail.kind === 'account-deleted') return { when: moment(mail.at * 1000) };
  const where = whereOf(mail.where, serviceName);
  switch (mail.kind) {
    case 'enrolment-code':
    case 'sign-in-code': {
      const until = `${new Date(expiresAtMs).toISOString().slice(11, 16)} UTC`;
      const minutes = `${mail.minutes} minute${mail.minutes === 1 ? '' : 's'}`;
      const link = mail.kind === 'sign-in-code' ? { link: address(mail.link) } : {};
      return { ...where, ...link, code: grouped(mail.code), minutes, until };
    }
    case 'new-device':
    case 'hand-off':
      return { ...where, denyLink: address(mail.denyLink) };
    case 'weak-sign-in':
      return { ...where, denyLink: address(mail.denyLink), way: mail.way };
    case 'renewal-waiting':
      return { ...where, denyLink: address(mail.denyLink), dueAt: moment(mail.dueAt * 1000) };
    case 'face-replaced':
      return { ...where, denyLink: address(mail.denyLink), by: mail.by };
    case 'passkey-added':
      return { ...where, denyLink: address(mail.denyLink), name: unlinked(name(mail.name)) };
  }
}

function whereOf(where: Circumstances, serviceName: string): LetterPage {
  const client = name(where.client ?? '');
  return {
    client: client === '' ? undefined : client,
    target: client === '' ? name(serviceName) : client,
    browser: name(where.browser),
    place: name(where.place),
    when: moment(where.at * 1000),
  };
}

/**
 * One line without control, direction and line-breaking characters: nothing printed can begin a header, a paragraph or a
 * link line of its own, nor turn a sentence of ours around.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\s]+/gu, ' ').trim();
}

/** Cut, as a name is no place for a letter of its own. */
function name(text: string): string {
  const letters = [...plain(text)];
  return letters.length <= LONGEST_NAME ? letters.join('') : `${letters.slice(0, LONGEST_NAME - 1).join('')}…`;
}

/**
 * A name that whoever holds the account chose, perhaps an intruder: mail programs make links of whatever looks like one,
 * and a "passkey" called `https://help.example` would be a link in a mail of ours.
 */
function unlinked(text: string): string {
  return text.replace(/([./:@])(?=\S)/g, '$1 ');
}

/** @throws TypeError without naming it: a link is a secret */
function address(link: string): string {
  const url = URL.parse(link);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new TypeError('a link in a mail is no web address');
  return url.href;
}

/** "21 November 2026, 05:22 UTC": the server cannot know the person's clock. */
function moment(ms: number): string {
  const date = new Date(ms);
  return `${DAY.format(date)}, ${date.toISOString().slice(11, 16)} UTC`;
}

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

/** In groups of three or four, easier to carry from one screen to another: "123 456", "1234 5678". */
function grouped(code: string): string {
  if (!/^[\da-z]{6,}$/i.test(code)) return plain(code);
  const size = code.length % 3 === 0 ? 3 : 4;
  return (code.match(new RegExp(`.{1,${size}}`, 'g')) ?? []).join(' ');
}
