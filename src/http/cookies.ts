// Our four cookies. `selfie_browser` tells one browser from another (claims, CSRF); `selfie_device` is made at a login and makes
// a known device; `selfie_invite` carries an invitation to the first page; `selfie_account` ties the way back to the person's own page
// to the browser that set out from there. None can be guessed, and only hashes of them are stored.

import type { Context } from 'koa';
import { hashToken, newToken } from '../login/tokens.ts';

const YEAR_MS = 365 * 86_400_000;
const TOKEN = /^[\w-]{22}$/;

export interface Cookies {
  /** The browser cookie, made when it is missing. */
  browser(ctx: Context): { readonly value: string; readonly hash: string };
  /** Hash of the device cookie. */
  device(ctx: Context): string | undefined;
  setDevice(ctx: Context, token: string): void;
  forgetDevice(ctx: Context): void;
  invitation(ctx: Context): string | undefined;
  setInvitation(ctx: Context, token: string): void;
  /** The state of a sign-in to the person's own page. */
  accountState(ctx: Context): string | undefined;
  setAccountState(ctx: Context, token: string): void;
}

/** @param issuer https makes them Secure */
export function createCookies(issuer: string): Cookies {
  const base = { httpOnly: true, sameSite: 'lax', secure: issuer.startsWith('https:'), signed: false } as const;

  function read(ctx: Context, name: string): string | undefined {
    const value = ctx.cookies.get(name, { signed: false });
    return value !== undefined && TOKEN.test(value) ? value : undefined;
  }

  return {
    browser(ctx) {
      const value = read(ctx, 'selfie_browser') ?? newToken();
      if (read(ctx, 'selfie_browser') === undefined) {
        ctx.cookies.set('selfie_browser', value, { ...base, path: '/', maxAge: YEAR_MS });
      }
      return { value, hash: hashToken(value) };
    },
    device(ctx) {
      const value = read(ctx, 'selfie_device');
      return value === undefined ? undefined : hashToken(value);
    },
    setDevice: (ctx, token) => void ctx.cookies.set('selfie_device', token, { ...base, path: '/', maxAge: YEAR_MS }),
    forgetDevice: (ctx) => void ctx.cookies.set('selfie_device', '', { ...base, path: '/', maxAge: 0 }),
    invitation: (ctx) => read(ctx, 'selfie_invite'),
    setInvitation: (ctx, token) =>
      void ctx.cookies.set('selfie_invite', token, { ...base, path: '/interaction', maxAge: 86_400_000 }),
    accountState: (ctx) => read(ctx, 'selfie_account'),
    setAccountState: (ctx, token) =>
      void ctx.cookies.set('selfie_account', token, { ...base, path: '/account', maxAge: 3_600_000 }),
  };
}
