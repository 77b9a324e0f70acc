// The last defence of the log (invariant 11, T18): callers already pass ids and codes only, and what slips through all the
// same is taken out here by name and by shape. Pure; nothing here throws, as a log line must not end a login.

import { AppError } from '../core/errors.ts';
import { remembered } from '../core/memo.ts';

const REDACTED = '[redacted]';

/** Names whose values never belong in a log, wherever they stand. */
const SECRET_NAME =
  /token|cookie|authori[sz]ation|secret|passw|api_?-?key|private_?-?key|verifier|assertion|dpop|csrf|signature|portrait|image|identifier|(?:^|_)(?:jwk|jwks|code|otp|pin|body|payload|headers|email|address|ip|number)$/i;
/** Names like those above that are harmless: an error's or a finding's code, a status. */
const PLAIN_NAME = /^(?:code|token_type|status_code|error_code|exit_code)$/;

/** Fields are named by our own code: there are some hundred names. */
const NAMES = 1000;

const namesSecret = remembered((name: string): boolean => {
  const snake = name.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('-', '_');
  return SECRET_NAME.test(snake) && !PLAIN_NAME.test(snake);
}, NAMES);

/** Segments after which the rest of a path is a bearer secret: return token, phone hand-off, invitation, links of mails, receipts. */
const TOKEN_FOLLOWS = new Set(['return', 'phone', 'invite', 'link', 'not-me', 'deleted']);

/** What parts a path, however often it was encoded on its way. */
const SEPARATOR = String.raw`[/\\]|%(?:25)*(?:2f|5c)`;
const SEPARATORS = new RegExp(`(${SEPARATOR})`, 'i');
/** Stand in paths with a token. The short ones may come about in an id. */
const CARRIES_TOKEN = /interaction|invite|not-me|account|return|deleted|(?<![\w-])(?:phone|link)/i;
/** A path without any of these in it hides nothing: most have none. */
const MAY_HIDE = new RegExp(`[^\\w./-]|${CARRIES_TOKEN.source}`, 'i');
/** What a login asks for again and again; a token is longer. */
const STEP = /^\/interaction\/[\w-]{1,48}(?:\/[a-z]{1,8})?$/;
/** The library's ids have 43 characters; with a token behind it, it is none. */
const UID = /^[\w-]{1,48}$/;
/** Our tokens have 22 characters; in what is left of a shorter one too much is missing. */
const SHORTEST_TOKEN = 16;
/** Words of our own paths that are as long. */
const LONG_WORDS = new Set(['sign-out-everywhere']);

/** Of a path, so much is shown, and so much read. */
const [LONGEST_PATH, LONGEST_READ] = [256, 1024];

const MAX_DEPTH = 6;
const MAX_TEXT = 2000;
const MAX_ITEMS = 50;

/**
 * A path fit for a log: no origin, no query, no fragment, and no token: `/interaction/u1/return/[redacted]`.
 * Also for paths no route knows, as programs mangle them on their way: what is encoded (once or more) or doubled hides nothing, and
 * whatever is as long as a token is taken for one where tokens can be. Else it is left as it came.
 */
export function redactPath(path: string): string {
  const local = path.startsWith('/') ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const end = local.search(/[?#]/);
  const bare = local.slice(0, end === -1 ? LONGEST_READ : Math.min(end, LONGEST_READ));
  const isPlain = STEP.test(bare) || !MAY_HIDE.test(bare);
  return (isPlain ? bare : withoutToken(bare)).slice(0, LONGEST_PATH) || '/';
}

function withoutToken(path: string): string {
  if (!CARRIES_TOKEN.test(decoded(path))) return path;
  // segments at even places, what parts them between
  const parts = path.split(SEPARATORS);
  let kept = '';
  let last = '';
  let isAfterMarker = false;
  for (let place = 0; place < parts.length; place += 2) {
    const raw = parts[place] ?? '';
    if (raw !== '') {
      const segment = decoded(raw);
      const isUid = last === 'interaction' && UID.test(raw);
      const isToken = segment.length >= SHORTEST_TOKEN && !isUid && !LONG_WORDS.has(segment);
      if (isAfterMarker || isToken) return `${kept.replace(TRAILING_SLASHES, '/')}${REDACTED}`;
      isAfterMarker = TOKEN_FOLLOWS.has(segment);
      last = isUid ? '' : segment;
    }
    kept += `${raw}${parts[place + 1] ?? ''}`;
  }
  return kept;
}

const TRAILING_SLASHES = /\/+$/;

/** Without what cannot be seen, as a mail may break a link; what is malformed stays, and takes nothing else along. */
function decoded(text: string): string {
  const once = text.replace(/%(?:25)+/g, '%');
  let plain: string;
  try {
    plain = decodeURIComponent(once);
  } catch {
    plain = once.replace(/%([0-7][0-9a-f])/gi, (_code, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return plain.replace(/[^!-~]/g, '').toLowerCase();
}

/** Whatever is taken out of a text has one of these in it; most texts have none. */
const SUSPICIOUS = /[/@\\]|%(?:25)*(?:2f|5c)|eyJ|bearer|basic|dpop/i;
const TOKEN_IN_TEXT = new RegExp(
  `((?:${SEPARATOR})(?:${[...TOKEN_FOLLOWS].join('|')})(?:${SEPARATOR}))[^\\s"'<>/\\\\]+`,
  'gi',
);

/** Free text without addresses' paths and queries, bearer tokens, JWTs, e-mail addresses; cut at 2,000 characters. */
export function redactText(text: string): string {
  const cut = text.slice(0, MAX_TEXT);
  if (!SUSPICIOUS.test(cut)) return cut;
  return cut
    .replace(/\b(https?|wss?|rediss?|postgres(?:ql)?|smtps?):\/\/[^\s"'<>]+/gi, (url) => originOf(url))
    .replace(TOKEN_IN_TEXT, `$1${REDACTED}`)
    .replace(/(\/[A-Za-z0-9._~/%-]*)\?[^\s"'<>]+/g, '$1')
    .replace(/\b(bearer|basic|dpop)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`)
    .replace(/\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}/g, REDACTED)
    .replace(/[^\s@"'<>]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,}/g, REDACTED);
}

/** Scheme and host of an address: hosted pages, pictures and logins in URLs are secrets, hosts are needed to mend things. */
function originOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return REDACTED;
  const rest = parsed.pathname.length > 1 || parsed.search !== '' ? `/${REDACTED}` : '';
  return `${parsed.protocol}//${parsed.host}${rest}`;
}

/** Fields fit for a log line: plain JSON values, secrets by name replaced, texts redacted, errors reduced. */
export function redactFields(fields: object): Record<string, unknown> {
  return redactObject(fields instanceof Error ? { err: fields } : fields, 0, []);
}

function redactObject(value: object, depth: number, above: readonly object[]): Record<string, unknown> {
  const within = [...above, value];
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const item: unknown = (value as Record<string, unknown>)[name];
    if (item === undefined || typeof item === 'function' || typeof item === 'symbol') continue;
    if (name === 'path' || name === 'url') kept[name] = typeof item === 'string' ? redactPath(item) : REDACTED;
    else if (namesSecret(name)) kept[name] = REDACTED;
    else kept[name] = redactValue(item, depth + 1, within);
  }
  return kept;
}

function redactValue(value: unknown, depth: number, above: readonly object[]): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  // a picture or a body
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (above.includes(value) || depth > MAX_DEPTH) return '[…]';
  if (!Array.isArray(value)) return redactObject(value, depth, above);
  const within = [...above, value];
  return value.slice(0, MAX_ITEMS).map((item) => redactValue(item, depth + 1, within));
}

export interface ErrorDescription {
  readonly type: string;
  readonly code?: string | number;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/**
 * An error for a log: what kind, its code, its message, where it was thrown, and the same of its cause. Nothing else it
 * carries (a response, a body, options with headers), and no message of a parser, as those quote what they could not read.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: '[not an error]' };
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  // the first lines of a stack repeat the message: only the frames are kept
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name.slice(0, 64),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: shortCode(code) } : {}),
    message: messageOf(error),
    ...(frames.length > 0 ? { stack: redactText(frames.slice(0, 20).join('\n')) } : {}),
    ...(cause instanceof Error && depth < 3 ? { cause: describeError(cause, depth + 1) } : {}),
  };
}

function messageOf(error: Error): string {
  if (error instanceof AppError) return redactText(error.message);
  const quotesItsInput = error instanceof SyntaxError || /syntax|parse|zod|validation/i.test(error.name);
  return quotesItsInput ? '[withheld: quotes its input]' : redactText(error.message).slice(0, 300);
}

function shortCode(code: string | number): string | number {
  return typeof code === 'number' || /^[\w.:-]{1,64}$/.test(code) ? code : REDACTED;
}
