// What a browser sends back from a ceremony with a passkey, as text from a form: anything may stand in it.

import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';

/** The outer form of an answer; what is inside is checked by the library. */
export function readAnswer<T extends RegistrationResponseJSON | AuthenticationResponseJSON>(text: string): T {
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer) || typeof answer.id !== 'string' || !isRecord(answer.response))
    throw new Error('not an answer');
  if (typeof answer.response.clientDataJSON !== 'string') throw new Error('not an answer');
  return answer as unknown as T;
}

/** Our pages are in nobody's frame; the library lets some through (§7.2). @throws Error */
export async function refuseFramed(answer: RegistrationResponseJSON | AuthenticationResponseJSON): Promise<void> {
  const { decodeClientDataJSON } = await import('@simplewebauthn/server/helpers');
  if (decodeClientDataJSON(answer.response.clientDataJSON).crossOrigin) throw new Error('asked for inside a frame');
}

/** The same answer with what its maker says left out, as the browser should have left it out. */
export async function withoutAttestation(answer: RegistrationResponseJSON): Promise<RegistrationResponseJSON> {
  const { decodeAttestationObject, isoCBOR } = await import('@simplewebauthn/server/helpers');
  const object = decodeAttestationObject(new Uint8Array(Buffer.from(answer.response.attestationObject, 'base64url')));
  if (object.get('fmt') === 'none') return answer;
  const bare = new Map<string, string | Uint8Array | Map<string, string>>([
    ['fmt', 'none'],
    ['attStmt', new Map<string, string>()],
    ['authData', object.get('authData')],
  ]);
  const attestationObject = Buffer.from(isoCBOR.encode(bare)).toString('base64url');
  return { ...answer, response: { ...answer.response, attestationObject } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
