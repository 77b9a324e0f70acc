// What the names of one client's entry say together: a public client has no secret, a code needs somewhere to go, a
// strength must be reachable. Each fault points at the line of the name that has to change.

import { ACRS, needsPasskey } from './acrs.ts';
import { readCalledUri, readPageUri, readRedirectUri } from './client-addresses.ts';
import type { ClientEntry } from './client-entry.ts';
import { quote, type Reading } from './faults.ts';
import { nearest } from './nearest.ts';
import { STANDARD_SCOPES } from './scopes.ts';

/** What clients are judged against, from the rest of the configuration. */
export interface ClientContext {
  readonly production: boolean;
  /** whether an active workflow is configured */
  readonly hasActiveWorkflow: boolean;
  readonly outgoingAllow: readonly string[];
  /** algorithms for which there is a signing key */
  readonly signingAlgorithms: readonly string[];
  /** scopes that the policy adds to those everybody knows; none by default */
  readonly scopes?: readonly string[] | 'unknown';
  /** whether the policy lets people register passkeys; it does by default */
  readonly passkeys?: boolean;
}

export interface RuleReport {
  fault(key: string, problem: string, fix: string, item?: number): void;
  warning(key: string, text: string): void;
}

/** @param client what could be read of the entry, with defaults; a faulty name is absent from it, and its fault is told already */
export function judgeClient(
  client: Partial<ClientEntry>,
  written: ReadonlySet<string>,
  context: ClientContext,
  report: RuleReport,
): void {
  judgeSecret(client, written, context, report);
  judgeFlow(client, written, report);
  judgeAddresses(client, context, report);
  judgeStrength(client, context, report);
  judgeScope(client, context, report);
  judgeSubject(client, report);
  const algorithm = client.id_token_signed_response_alg;
  if (algorithm !== undefined && !context.signingAlgorithms.includes(algorithm)) {
    report.fault(
      'id_token_signed_response_alg',
      `is ${algorithm}, for which there is no key`,
      `add a key to JWKS_FILE, or write one of ${context.signingAlgorithms.join(', ')}`,
    );
  }
}

function judgeSecret(
  client: Partial<ClientEntry>,
  written: ReadonlySet<string>,
  { production }: ClientContext,
  report: RuleReport,
): void {
  const method = client.token_endpoint_auth_method;
  const secret = client.client_secret;
  if (method?.startsWith('client_secret_') && !written.has('client_secret')) {
    report.fault(
      'client_secret',
      `is missing, and ${method} needs it`,
      'add a secret (openssl rand -base64 33), or token_endpoint_auth_method: none for a public client',
    );
  }
  const weakness = production && secret !== undefined ? weaknessOf(secret) : undefined;
  if (weakness !== undefined) report.fault('client_secret', weakness, 'make one with: openssl rand -base64 33');
  if (secret !== undefined && method === 'client_secret_jwt' && secret.length < 32)
    report.fault(
      'client_secret',
      'has fewer than the 32 characters that HS256 needs',
      'make one with: openssl rand -base64 33',
    );
  if (method === 'none' && written.has('client_secret'))
    report.fault(
      'client_secret',
      'belongs to no public client',
      'remove it, or choose another token_endpoint_auth_method',
    );
  if (method === 'none' && client.pkce === 'optional')
    report.fault('pkce', 'is optional for a public client, whose codes nothing else protects', 'remove it');
  if (method === 'private_key_jwt' && !written.has('jwks') && !written.has('jwks_uri')) {
    report.fault(
      'jwks',
      'is missing, and private_key_jwt needs it',
      "add the client's public keys as jwks, or their address as jwks_uri",
    );
  }
  if (written.has('jwks') && written.has('jwks_uri'))
    report.fault('jwks_uri', 'stands beside jwks', 'keep one of the two');
  const algorithm = client.token_endpoint_auth_signing_alg;
  if (algorithm === undefined || method === undefined) return;
  if (method !== 'private_key_jwt' && method !== 'client_secret_jwt')
    report.fault('token_endpoint_auth_signing_alg', `means nothing for ${method}`, 'remove it');
  else if ((method === 'client_secret_jwt') !== (algorithm === 'HS256')) {
    report.fault(
      'token_endpoint_auth_signing_alg',
      `does not fit ${method}`,
      method === 'client_secret_jwt' ? 'write HS256' : 'write RS256, PS256, ES256 or EdDSA',
    );
  }
}

/** What stands in examples, ours and others', where a secret is to be put. */
const PLACEHOLDER =
  /(?:replace|change)[-_ ]?(?:me|this)|your[-_ ](?:client[-_ ])?secret|openssl rand|at least \d+ characters/i;

/** Why this may be no secret at all. */
function weaknessOf(secret: string): string | undefined {
  if (PLACEHOLDER.test(secret)) return 'is the placeholder of an example';
  return secret.length < 32 ? 'has fewer than 32 characters' : undefined;
}

function judgeFlow(client: Partial<ClientEntry>, written: ReadonlySet<string>, report: RuleReport): void {
  const { grant_types: grants, response_types: responses } = client;
  if (grants === undefined || responses === undefined) return;
  const hasCode = responses.includes('code');
  if (grants.includes('authorization_code') !== hasCode) {
    const key = written.has('grant_types') ? 'grant_types' : 'response_types';
    report.fault(
      key,
      'does not fit: authorization_code and response type code need each other',
      'write both, or neither for a client that only introspects',
    );
  }
  if (grants.includes('refresh_token') && !grants.includes('authorization_code'))
    report.fault('grant_types', 'has refresh_token without a grant that begins a login', 'add authorization_code');
  if (hasCode && client.redirect_uris?.length === 0)
    report.fault(
      'redirect_uris',
      'is missing, so that no login can end',
      'add a list: [https://app.example.org/callback]',
    );
  if (client.response_modes?.length === 0) report.fault('response_modes', 'is empty', 'name one, or leave it out');
}

function judgeAddresses(client: Partial<ClientEntry>, { outgoingAllow }: ClientContext, report: RuleReport): void {
  const judge = (key: string, reading: Reading<string>, item?: number) => {
    if (!reading.ok) report.fault(key, reading.problem, reading.fix, item);
    else if (reading.warning !== undefined) report.warning(key, reading.warning);
  };
  const type = client.application_type;
  for (const key of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
    for (const [item, uri] of (client[key] ?? []).entries())
      if (type !== undefined) judge(key, readRedirectUri(uri, type), item);
  }
  for (const key of ['client_uri', 'policy_uri', 'tos_uri'] as const)
    if (client[key] !== undefined) judge(key, readPageUri(client[key]));
  for (const key of ['jwks_uri', 'backchannel_logout_uri', 'sector_identifier_uri'] as const)
    if (client[key] !== undefined) judge(key, readCalledUri(client[key], outgoingAllow));
}

function judgeStrength(
  client: Partial<ClientEntry>,
  { hasActiveWorkflow, passkeys = true }: ClientContext,
  report: RuleReport,
): void {
  const reachable = hasActiveWorkflow || client.vendor_workflow !== undefined;
  const fix = 'set DIDIT_WORKFLOW_ACTIVE, or give the client a vendor_workflow with active liveness';
  if (client.minimum_acr === ACRS.selfieActive && !reachable)
    report.fault('minimum_acr', 'asks for an active selfie, for which there is no workflow', fix);
  if (client.default_acr_values?.includes(ACRS.selfieActive) && !reachable)
    report.fault('default_acr_values', 'asks for an active selfie, for which there is no workflow', fix);
  if (client.minimum_acr !== undefined && needsPasskey(client.minimum_acr) && !passkeys) {
    const problem = 'needs a passkey, and the policy file has passkeys: off';
    report.fault('minimum_acr', problem, 'write another acr, or passkeys: on in the policy file');
  }
}

function judgeScope({ scope }: Partial<ClientEntry>, { scopes = [] }: ClientContext, report: RuleReport): void {
  if (scope === undefined || scopes === 'unknown') return;
  const known = [...STANDARD_SCOPES, ...scopes];
  for (const name of scope.split(' ').filter((part) => part !== '' && !known.includes(part))) {
    const meant = nearest(name, known);
    const fix = meant ? `did you mean ${meant}?` : 'remove it, or add it to scopes in the policy file';
    report.fault('scope', `holds a scope that does not exist: ${quote(name)}`, fix);
  }
}

function judgeSubject(client: Partial<ClientEntry>, report: RuleReport): void {
  if (client.subject_type !== 'pairwise' || client.sector_identifier_uri !== undefined) return;
  const hosts = new Set((client.redirect_uris ?? []).map((uri) => URL.parse(uri)?.host));
  if (hosts.size > 1)
    report.fault(
      'sector_identifier_uri',
      'is missing, and pairwise needs it where redirect URIs are on several hosts',
      'add it, or keep to one host',
    );
}
