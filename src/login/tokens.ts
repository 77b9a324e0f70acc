// The random values a login hands out, and their hashes, which are all that is stored of them.

import { hash, randomBytes, randomInt } from 'node:crypto';

/** 128 bits, base64url: fit for a path segment or a cookie. */
export function newToken(): string {
  return randomBytes(16).toString('base64url');
}

/** 192 bits, for names that must never meet by chance: accounts, subjects at the vendor. */
export function newId(): string {
  return randomBytes(24).toString('base64url');
}

/** Six digits, as people read them from one screen to another. */
export function newNumber(): string {
  return String(randomInt(0, 1_000_000)).padStart(6, '0');
}

/** SHA-256, base64url. The tokens are random, so no salt or slow hash is needed. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url');
}
