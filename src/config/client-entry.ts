// One client as the clients file describes it, checked and with defaults filled in. Names are those of RFC 7591 and
// OpenID Connect Registration, so that an entry can be handed to oidc-provider, which keeps them; four are our own.

import type { JWK } from 'jose';

export interface ClientEntry {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly client_name?: string;
  readonly application_type: 'web' | 'native';
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly response_modes?: readonly string[];
  readonly scope?: string;
  readonly token_endpoint_auth_method: AuthMethod;
  readonly token_endpoint_auth_signing_alg?: string;
  readonly id_token_signed_response_alg: string;
  readonly subject_type: 'public' | 'pairwise';
  readonly sector_identifier_uri?: string;
  readonly jwks?: { readonly keys: readonly JWK[] };
  readonly jwks_uri?: string;
  readonly logo_uri?: string;
  readonly client_uri?: string;
  readonly policy_uri?: string;
  readonly tos_uri?: string;
  readonly contacts?: readonly string[];
  readonly initiate_login_uri?: string;
  readonly default_max_age?: number;
  readonly default_acr_values?: readonly string[];
  readonly require_auth_time?: boolean;
  readonly require_pushed_authorization_requests?: boolean;
  readonly dpop_bound_access_tokens?: boolean;
  readonly backchannel_logout_uri?: string;
  readonly backchannel_logout_session_required?: boolean;
  readonly client_id_issued_at?: number;
  readonly client_secret_expires_at?: number;
  /** ours: no consent page */
  readonly first_party: boolean;
  /** ours: no weaker login is accepted, whatever a request says */
  readonly minimum_acr?: string;
  /** ours: replaces the passive and the active workflow, never enrolment */
  readonly vendor_workflow?: string;
  /** ours: `optional` for confidential clients that cannot do PKCE */
  readonly pkce: 'required' | 'optional';
}

export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'none',
] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** What an entry has when it does not say otherwise. */
export const CLIENT_DEFAULTS = {
  application_type: 'web',
  redirect_uris: [],
  post_logout_redirect_uris: [],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'RS256',
  subject_type: 'public',
  first_party: false,
  pkce: 'required',
} as const;
