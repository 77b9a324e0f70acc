// The world as a client's developer meets it: one client of each kind, requests written by hand, and a person who does whatever the
// pages ask. Beside `world.ts`, whose login goes through an unmodified library.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, type KeyLike, SignJWT } from 'jose';
import type { ProviderMetadata } from './oidc-metadata.ts';
import { Browser, buttonsOf, type Page } from './browser.ts';
import { CLIENT_SECRET, returnUrlOf, settleDown, startWorld, type World, type WorldOptions } from './world.ts';

export const CALLBACK = 'https://rp.example.org/cb';
export const SELFIE = 'urn:selfie-oidc:acr:selfie';
export const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
