// `check --vendor`: asks the vendor whether what an operator set up in its console fits what is configured here. Every
// failure is a finding. The shapes of these answers are documented loosely, so what cannot be read is a warning at most.

import { AppError } from '../../core/errors.ts';
import type { VendorFinding } from '../../login/ports.ts';
import type { Api } from './api.ts';
import type { Answer } from './http.ts';
import { isObject, type Json, type JsonObject } from './json.ts';

export interface Workflows {
  readonly enrol: string;
  readonly passive: string;
  readonly active?: string;
}

export interface InspectOptions {
  readonly api: Pick<Api, 'readWorkflow' | 'readDestinations'>;
  readonly workflows: Workflows;
  readonly webhookSecrets: readonly string[];
  readonly webhookUrl: string;
}

export async function inspectVendor(options: InspectOptions): Promise<readonly VendorFinding[]> {
  const { api, workflows } = options;
  const roles = Object.entries(workflows) as [keyof Workflows, string][];
  const findings: VendorFinding[] = [];
  for (const [role, id] of roles) {
    findings.push(...(await asked(`workflow ${role}`, api.readWorkflow(id), (body) => judgeWorkflow(role, body))));
  }
  findings.push(...(await asked('webhook', api.readDestinations(), (body) => judgeDestinations(body, options))));
  return findings;
}

async function asked(
  subject: string,
  call: Promise<Answer>,
  judge: (body: Json | undefined) => readonly VendorFinding[],
): Promise<readonly VendorFinding[]> {
  try {
    const { status, body } = await call;
    if (status < 300) return judge(body);
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
  const findings: VendorFinding[] = [];
  if (role !== 'enrol' && features.length > 0 && !features.includes('FACE_MATCH')) {
    findings.push({
      level: 'warning',
      subject,
      message: 'no face match is seen in it: its approvals would be refused',
    });
  }
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

/** Every value under this name, at any depth: the layout around it is not documented. */
function valuesOf(value: Json | undefined, name: string): readonly Json[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((item) => valuesOf(item, name));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' ? [inner] : valuesOf(inner, name),
  );
}
