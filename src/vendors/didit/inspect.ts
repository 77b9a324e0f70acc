// `check --vendor`: asks the vendor whether what an operator set up in its console fits what is configured here. Every
// failure is a finding. Whose sessions a key makes is told by no call of its own, but by any session it has made. The shapes of these answers are documented loosely, so what cannot be read is a warning at most.

import { AppError } from '../../core/errors.ts';
import type { Clock, VendorFinding } from '../../login/ports.ts';
import type { Api } from './api.ts';
import type { Answer } from './http.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { isSessionId } from './wire.ts';

export interface Workflows {
  readonly enrol: string;
  readonly passive: string;
  readonly active?: string;
}

export interface InspectOptions {
  readonly api: Pick<Api, 'readWorkflow' | 'readDestinations' | 'listSessions' | 'readDecision'>;
  readonly clock: Clock;
  readonly environment: 'live' | 'sandbox';
  readonly workflows: Workflows;
  readonly webhookSecrets: readonly string[];
  readonly webhookUrl: string;
}

/** Tokens break at other machines beyond the first (docs/operating.md); beyond the second no webhook is fresh. */
const SKEW_SECONDS = { tokens: 15, webhooks: 300 };

export async function inspectVendor(options: InspectOptions): Promise<readonly VendorFinding[]> {
  const { api, workflows } = options;
  const roles = Object.entries(workflows) as [keyof Workflows, string][];
  const findings: VendorFinding[] = [];
  for (const [role, id] of roles) {
    findings.push(...(await asked(`workflow ${role}`, api.readWorkflow(id), ({ body }) => judgeWorkflow(role, body))));
  }
  const judgeLast = (answer: Answer) => [
    ...judgeDestinations(answer.body, options),
    ...judgeClock(answer, options.clock),
  ];
  findings.push(...(await asked('webhook', api.readDestinations(), judgeLast)));
  findings.push(...(await inspectEnvironment(options)));
  return findings;
}

async function inspectEnvironment({ api, environment }: InspectOptions): Promise<readonly VendorFinding[]> {
  const subject = 'environment';
  const unknown = (message: string): VendorFinding[] => [{ level: 'warning', subject, message }];
  const listing = api.listSessions({ limit: '1' });
  return asked(subject, listing, async ({ body }) => {
    const list = isObject(body) ? body.results : body;
    const newest = Array.isArray(list) ? (list as readonly Json[])[0] : undefined;
    const id = isObject(newest) ? newest.session_id : undefined;
    if (!isSessionId(id))
      return unknown('not known before there is a session at the vendor: ask again after the first');
    return asked(subject, api.readDecision(id, true), ({ body: decision }) => {
      const theirs = isObject(decision) ? decision.environment : undefined;
      if (theirs === environment)
        return [{ level: 'ok', subject, message: `${environment}, as DIDIT_ENVIRONMENT says` }];
      if (theirs !== 'live' && theirs !== 'sandbox') return unknown('could not be read');
      const message = `DIDIT_ENVIRONMENT is ${environment}, and the API key makes sessions of ${theirs}: no verdict would count`;
      return [{ level: 'fault', subject, message }];
    });
  });
}

/** By the date that every answer over HTTP carries. */
function judgeClock({ headers }: Answer, clock: Clock): readonly VendorFinding[] {
  const subject = 'clock';
  const theirs = Date.parse(String(headers.date)) / 1000;
  if (Number.isNaN(theirs)) return [];
  const ahead = Math.round(clock.now() - theirs);
  const seconds = Math.abs(ahead);
  const where = ahead > 0 ? 'ahead of' : 'behind';
  const message = `this machine is ${seconds} s ${where} the vendor`;
  if (seconds > SKEW_SECONDS.webhooks) return [{ level: 'fault', subject, message: `${message}: no webhook is fresh` }];
  if (seconds > SKEW_SECONDS.tokens) return [{ level: 'warning', subject, message: `${message}: tokens break` }];
  return [{ level: 'ok', subject, message: 'agrees with the vendor' }];
}

async function asked(
  subject: string,
  call: Promise<Answer>,
  judge: (answer: Answer) => readonly VendorFinding[] | Promise<readonly VendorFinding[]>,
): Promise<readonly VendorFinding[]> {
  try {
    const answer = await call;
    const { status } = answer;
    if (status < 300) return await judge(answer);
    const reason = status === 404 ? 'not known to the vendor, or outside the scope of the API key' : 'refused';
    return [{ level: 'fault', subject, message: `${reason} (${status})` }];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [{ level: 'fault', subject, message: `could not be asked: ${error.message}` }];
  }
}

function judgeWorkflow(role: keyof Workflows, body: Json | undefined): readonly VendorFinding[] {
  const subject = `workflow ${role}`;
  const methods = valuesOf(body, 'face_liveness_method').map((method) => String(method).toLowerCase());
  const features = valuesOf(body, 'feature').map((feature) => String(feature).toUpperCase());
  const type = isObject(body) ? body.workflow_type : undefined;
  const findings: VendorFinding[] = [];
  const warn = (message: string) => findings.push({ level: 'warning', subject, message });
  if (features.length > 0 && !features.includes('FACE_MATCH')) {
    warn('no face match is seen in it: its approvals would be refused');
  }
  if (role === 'enrol' && features.length > 0 && !features.includes('LIVENESS')) {
    warn('no liveness is seen in it: its approvals would be refused');
  }
  // the words are documented, and that the answer has them is not
  if (role === 'enrol' && typeof type === 'string' && type !== 'kyc') {
    warn(`its type is ${quote(type)}: the first login of a person needs a document check, kyc`);
  }
  if (role !== 'enrol' && type === 'kyc') warn('its type is kyc: every login would ask for a document');
  if (role !== 'enrol' && methods.length === 0) {
    findings.push({ level: 'warning', subject, message: 'the liveness method could not be read; look in the console' });
  } else if (role === 'active' && methods.includes('passive')) {
    findings.push({ level: 'fault', subject, message: 'liveness is passive; it must be ACTIVE_3D or FLASHING' });
  } else if (role === 'passive' && !methods.includes('passive')) {
    findings.push({
      level: 'warning',
      subject,
      message: `liveness is ${[...new Set(methods)].join(', ')}, stronger than needed`,
    });
  }
  return findings.length > 0 ? findings : [{ level: 'ok', subject, message: 'is there' }];
}

function judgeDestinations(body: Json | undefined, options: InspectOptions): readonly VendorFinding[] {
  const subject = 'webhook';
  const list = isObject(body) ? body.results : body;
  if (!Array.isArray(list))
    return [{ level: 'warning', subject, message: 'the list of destinations could not be read' }];
  const ours = (list as readonly Json[]).filter(isObject).find(({ url }) => url === options.webhookUrl);
  if (ours === undefined) {
    return [{ level: 'fault', subject, message: `no destination has the URL ${options.webhookUrl}` }];
  }
  const findings = judgeDestination(ours, options.webhookSecrets);
  return findings.length > 0 ? findings : [{ level: 'ok', subject, message: 'destination, version and events fit' }];
}

function judgeDestination(destination: JsonObject, secrets: readonly string[]): VendorFinding[] {
  const { enabled, webhook_version: version, subscribed_events, secret_shared_key: secret } = destination;
  const events = Array.isArray(subscribed_events) ? (subscribed_events as readonly Json[]) : [];
  const fault = (message: string): VendorFinding => ({ level: 'fault', subject: 'webhook', message });
  return [
    ...(enabled === false ? [fault('the destination is disabled')] : []),
    ...(version === 'v3' ? [] : [fault('the destination does not send version v3')]),
    ...(events.includes('status.updated') ? [] : [fault('the destination is not subscribed to status.updated')]),
    ...(events.includes('data.updated')
      ? []
      : [{ level: 'warning', subject: 'webhook', message: 'data.updated is worth subscribing to' } as const]),
    // the value itself is printed nowhere
    ...(typeof secret === 'string' && secret !== '' && !secret.includes('*') && !secrets.includes(secret)
      ? [fault("the destination's secret is not among DIDIT_WEBHOOK_SECRETS")]
      : []),
  ];
}

/** What others wrote, in a line of ours. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

/** Every value under this name, at any depth: the layout around it is not documented. */
function valuesOf(value: Json | undefined, name: string): readonly Json[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((item) => valuesOf(item, name));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' ? [inner] : valuesOf(inner, name),
  );
}
