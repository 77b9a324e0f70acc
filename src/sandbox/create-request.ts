/**
 * Validation of `POST /v3/session/`, with the documented kinds of 400: an object keyed by field, whose value is a list of
 * strings (validation) or one string (found while creating).
 */
import type { Application } from './applications.ts';
import type { Engine } from './engine.ts';
import { isObject } from './http.ts';
import type { CreateRequest } from './new-session.ts';
import { sniff } from './pictures.ts';
import { findScenario } from './scenarios.ts';
import type { JsonObject } from './types.ts';

export type CreateReading =
  | { readonly kind: 'ok'; readonly request: CreateRequest }
  | { readonly kind: 'refused'; readonly body: JsonObject };

/** Reads a create body, or says what is wrong with it. */
export function readCreate(body: unknown, application: Application, engine: Engine): CreateReading {
  if (!isObject(body)) return refuse({ detail: 'Invalid data. Expected a dictionary.' });
  const faults: Record<string, string[]> = {};
  const text = (name: string): string | null => {
    const value = body[name];
    if (value === undefined || value === null) return null;
    if (typeof value === 'string') return value;
    faults[name] = ['Not a valid string.'];
    return null;
  };
  const object = (name: string): JsonObject | null => {
    const value = body[name];
    if (value === undefined || value === null) return null;
    if (isObject(value)) return value;
    faults[name] = ['Expected a dictionary of items.'];
    return null;
  };

  const workflowId = text('workflow_id');
  if (workflowId === null && faults.workflow_id === undefined) faults.workflow_id = ['This field is required.'];
  const vendorData = text('vendor_data');
  const callback = text('callback');
  if (callback !== null && !URL.canParse(callback)) faults.callback = ['Enter a valid URL.'];
  const callbackMethod = text('callback_method') ?? 'initiator';
  if (!['initiator', 'completer', 'both'].includes(callbackMethod)) {
    faults.callback_method = [`"${callbackMethod}" is not a valid choice.`];
  }
  const language = text('language');
  if (language !== null && !/^[a-z]{2}(-[A-Za-z]{2,4})?$/.test(language)) {
    faults.language = [`"${language}" is not a valid choice.`];
  }
  const expectedDetails = object('expected_details');
  const expectedFault = expectedDetails === null ? null : faultOfExpected(expectedDetails);
  if (expectedFault !== null) faults.expected_details = [expectedFault];
  const contactDetails = object('contact_details');
  const portrait = readPortrait(text('portrait_image'), engine, faults);
  const scenario = text('sandbox_scenario');
  if (scenario !== null && engine.environment === 'live') {
    faults.sandbox_scenario = ['Only sandbox applications take a scenario.'];
  } else if (scenario !== null && findScenario(scenario) === undefined) {
    faults.sandbox_scenario = [`"${scenario}" is not a known scenario.`];
  }
  if (engine.settings.refuseWorkflowType && body.workflow_type !== undefined) {
    faults.workflow_type = ['Unknown field.'];
  }
  if (workflowId === null || Object.keys(faults).length > 0) return refuse(faults);

  const request: CreateRequest = {
    workflowId,
    vendorData,
    callback,
    callbackMethod: callbackMethod as CreateRequest['callbackMethod'],
    metadata: body.metadata ?? null,
    language,
    expectedDetails,
    contactDetails,
    portrait,
    scenario,
  };
  const late = refusedWhileCreating(request, application, engine);
  return late === null ? { kind: 'ok', request } : refuse(late);
}

/** Faults only the stored state can tell: workflow, blocked user, no face to compare with. */
function refusedWhileCreating(request: CreateRequest, application: Application, engine: Engine): JsonObject | null {
  const { sessions, settings } = engine;
  const users = sessions.users(application.id);
  const kind = sessions.kindOf(application, request.workflowId);
  if (kind === undefined) return { workflow_id: 'Invalid workflow_id.' };
  const { vendorData } = request;
  if (vendorData !== null && users.find(vendorData)?.status === 'BLOCKED') {
    return { vendor_data: 'This user is blocked.' };
  }
  if (kind === 'enrol' || request.portrait !== null || settings.missingPortrait === 'liveness_only') return null;
  if (vendorData === null) return { portrait_image: 'A portrait image is required for this workflow.' };
  if (users.faces.has(vendorData) || sessions.findUnfinished(application, request.workflowId, vendorData)) return null;
  return { portrait_image: 'No stored face image was found for this vendor_data.' };
}

function readPortrait(sent: string | null, engine: Engine, faults: Record<string, string[]>): Buffer | null {
  if (sent === null) return null;
  const { portraitMaxBytes, portraitFormats } = engine.settings;
  const bytes = Buffer.from(sent, 'base64');
  const limit = `${Math.round(portraitMaxBytes / 1024 / 1024)}MB`;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(sent)) faults.portrait_image = ['Not valid base64.'];
  else if (bytes.length > portraitMaxBytes) faults.portrait_image = [`Image size exceeds ${limit}.`];
  else if (!portraitFormats.includes(sniff(bytes) ?? '')) faults.portrait_image = ['Unsupported image format.'];
  return bytes;
}

const DOCUMENT_TYPES: readonly unknown[] = ['P', 'ID', 'DL', 'RP', 'HIC', 'TC', 'SSC'];

function faultOfExpected(details: JsonObject): string | null {
  if (details.address !== undefined && !details.country && !details.poa_country) {
    return 'address needs country or poa_country.';
  }
  const types = details.expected_document_types;
  if (types === undefined || types === null) return null;
  const known = Array.isArray(types) && types.every((type) => DOCUMENT_TYPES.includes(type));
  return known ? null : 'Unknown document type.';
}

function refuse(body: JsonObject): CreateReading {
  return { kind: 'refused', body };
}
