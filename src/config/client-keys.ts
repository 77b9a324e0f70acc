// Each name that a client's entry may have, once: what it accepts and what it is for. The documents are written from
// this table. What several names say together is judged in client-rules.ts.

import { ACRS, STRENGTHS } from './acrs.ts';
import { AUTH_METHODS } from './client-entry.ts';
import {
  address,
  count,
  httpsAddress,
  type ListReader,
  list,
  publicKeys,
  text,
  type ValueReader,
  word,
  yesOrNo,
} from './client-values.ts';
import { bad, good, quote } from './faults.ts';
import { readWorkflow } from './readers.ts';
import { SCOPE_TOKEN } from './scopes.ts';

export interface ClientKey {
  readonly read: ListReader;
  readonly about: string;
}

const UNSUPPORTED_GRANTS = {
  implicit: 'puts tokens into addresses and is refused',
  password: 'asks for passwords, of which there are none here, and is refused',
  client_credentials: 'is not supported by this version',
  'urn:openid:params:grant-type:ciba': 'is not supported by this version',
  'urn:ietf:params:oauth:grant-type:device_code': 'is not supported by this version',
};
/** `code` alone: whatever else a response type names puts tokens into addresses. */
const responseType: ValueReader = (value) => {
  const parts = typeof value === 'string' ? value.split(' ') : [];
  if (!parts.includes('token') && !parts.includes('id_token')) return word(['code'])(value);
  return bad(`${quote(value)} is implicit or hybrid, puts tokens into addresses and is refused`, 'write code');
};

export const CLIENT_KEYS: Readonly<Record<string, ClientKey>> = {
  client_id: {
    // ours begin like that: the person's own page signs in as one (src/oidc/own-pages.ts)
    read: text(
      /^(?!urn:selfie-oidc:)[\x21-\x7e]{1,200}$/,
      'text without spaces, at most 200 characters, not beginning with urn:selfie-oidc:',
    ),
    about: 'Name of the client in the protocol. Required, unique; `urn:selfie-oidc:…` is taken.',
  },
  client_secret: {
    read: text(/^[\x20-\x7e]{1,500}$/, 'printable ASCII text'),
    about:
      'Secret of a confidential client; in production at least 32 characters. Make one with `openssl rand -base64 33`.',
  },
  client_name: {
    read: text(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,100}$/u, 'text of at most 100 characters, without control characters'),
    about: 'Shown to the person.',
  },
  logo_uri: { read: httpsAddress, about: 'Picture shown to the person; https.' },
  application_type: { read: word(['web', 'native']), about: '`web` (default) or `native`.' },
  redirect_uris: {
    read: list(address),
    about:
      'Where a login may end: https, http on loopback, or for `native` a private scheme such as `com.example.app:/cb`. Compared exactly.',
  },
  post_logout_redirect_uris: { read: list(address), about: 'Where a logout may end; the same rules.' },
  grant_types: {
    read: list(word(['authorization_code', 'refresh_token'], UNSUPPORTED_GRANTS)),
    about:
      '`[authorization_code]` (default), with `refresh_token` if wanted; `[]` for a resource server that only introspects.',
  },
  response_types: {
    read: list(responseType),
    about: '`[code]` (default); `[]` where `grant_types` is.',
  },
  response_modes: {
    read: list(word(['query', 'fragment', 'form_post'])),
    about: 'Ways in which the answer may come; all by default.',
  },
  scope: {
    read: (value) => {
      if (typeof value !== 'string') return bad('is not text', 'write scopes with spaces between: openid profile');
      const scopes = value.split(' ').filter((part) => part !== '');
      if (!scopes.every((scope) => SCOPE_TOKEN.test(scope)))
        return bad('holds what cannot be a scope', 'write printable ASCII, without quotes and backslashes');
      const twice = scopes.find((scope, index) => scopes.indexOf(scope) !== index);
      return twice === undefined ? good(value) : bad(`holds ${quote(twice)} twice`, 'write each one once');
    },
    about:
      'Scopes the client may ask for, with spaces between: `openid`, `profile`, `email`, `offline_access`, and those that the policy file has under `scopes`; all by default. Of one that is not here no claim is had one by one either.',
  },
  token_endpoint_auth_method: {
    read: word(AUTH_METHODS),
    about: `How the client proves who it is: ${AUTH_METHODS.map((method) => `\`${method}\``).join(', ')}. Default \`client_secret_basic\`; \`none\` is a public client.`,
  },
  token_endpoint_auth_signing_alg: {
    read: word(['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256']),
    about: 'Algorithm of the JWT that `private_key_jwt` or `client_secret_jwt` sends.',
  },
  id_token_signed_response_alg: {
    read: word(['RS256', 'ES256', 'EdDSA']),
    about: 'Algorithm of ID tokens; default `RS256`. A key for it must be in `JWKS_FILE`.',
  },
  subject_type: {
    read: word(['public', 'pairwise']),
    about: '`public` (default) or `pairwise`: another `sub` for each sector.',
  },
  sector_identifier_uri: { read: httpsAddress, about: 'For `pairwise` with redirect URIs on several hosts.' },
  jwks: { read: publicKeys, about: "The client's public keys, for `private_key_jwt`." },
  jwks_uri: { read: address, about: 'Where those keys are instead: https, or a host that `OUTGOING_ALLOW` names.' },
  client_uri: { read: address, about: "The client's home page." },
  policy_uri: { read: address, about: "The client's privacy page." },
  tos_uri: { read: address, about: "The client's terms." },
  contacts: {
    read: list(text(/^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/, 'a mail address')),
    about: 'Mail addresses of those who run it.',
  },
  initiate_login_uri: {
    read: httpsAddress,
    about: 'Where a login can be begun at the client; pages of a lapsed login lead there.',
  },
  default_max_age: { read: count, about: 'Seconds after which a session is too old, unless a request says otherwise.' },
  default_acr_values: {
    read: list(word([ACRS.selfie, ACRS.selfieActive])),
    about: 'Strength asked for, unless a request says otherwise (voluntary).',
  },
  require_auth_time: { read: yesOrNo, about: 'Kept for compatibility: `auth_time` is always told.' },
  require_pushed_authorization_requests: { read: yesOrNo, about: 'Requests must be pushed (RFC 9126).' },
  dpop_bound_access_tokens: { read: yesOrNo, about: 'Tokens must be bound to a key by DPoP (RFC 9449).' },
  backchannel_logout_uri: { read: address, about: 'Told of logouts: https, or a host that `OUTGOING_ALLOW` names.' },
  backchannel_logout_session_required: { read: yesOrNo, about: 'Whether that needs `sid`.' },
  client_id_issued_at: { read: count, about: 'Epoch seconds; informative.' },
  client_secret_expires_at: { read: count, about: 'Epoch seconds after which the secret is refused; 0 is never.' },
  first_party: { read: yesOrNo, about: '**Ours.** `true`: no consent page.' },
  minimum_acr: {
    read: word(STRENGTHS),
    about: `**Ours.** No weaker login is accepted, whatever a request says: ${STRENGTHS.map((acr) => `\`${acr}\``).join(', ')} (a passkey alone).`,
  },
  vendor_workflow: {
    read: (value) =>
      typeof value === 'string'
        ? readWorkflow(value, { production: false })
        : bad('is not text', 'write the id of a workflow'),
    about: '**Ours.** Id of a workflow that replaces the passive and the active one for this client, never enrolment.',
  },
  pkce: {
    read: word(['required', 'optional']),
    about: '**Ours.** `optional` for a confidential client that cannot do PKCE; default `required`.',
  },
};

/** Registered names that other providers know, and this version does not do: told apart from spelling mistakes. */
export const UNSUPPORTED_CLIENT_KEYS: ReadonlySet<string> = new Set([
  'authorization_details_types',
  'authorization_signed_response_alg',
  'backchannel_authentication_request_signing_alg',
  'backchannel_client_notification_endpoint',
  'backchannel_token_delivery_mode',
  'backchannel_user_code_parameter',
  'frontchannel_logout_session_required',
  'frontchannel_logout_uri',
  'id_token_encrypted_response_alg',
  'id_token_encrypted_response_enc',
  'introspection_signed_response_alg',
  'request_object_encryption_alg',
  'request_object_encryption_enc',
  'request_object_signing_alg',
  'request_uris',
  'require_signed_request_object',
  'software_id',
  'software_statement',
  'software_version',
  'tls_client_auth_subject_dn',
  'tls_client_certificate_bound_access_tokens',
  'userinfo_encrypted_response_alg',
  'userinfo_encrypted_response_enc',
  'userinfo_signed_response_alg',
]);
