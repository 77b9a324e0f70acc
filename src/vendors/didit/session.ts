// Opening a verification: the body of a create, and the reading of its answer. Where the vendor's pages disagree on what a
// create may carry, we send it, and leave it out once the vendor complains of it.

import { type AppError, VendorRefused, VendorUnavailable } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/outgoing.ts';
import type { OpenedVerification, VerificationRequest } from '../../login/ports.ts';
import type { Api } from './api.ts';
import { complainsOf, createFault } from './faults.ts';
import type { Answer } from './http.ts';
import { isObject } from './json.ts';
import { PORTRAIT_MAX_BYTES } from './portrait.ts';
import { isSessionId, readStatus } from './wire.ts';

export interface OpenerOptions {
  readonly api: Pick<Api, 'createSession'>;
  /** the workflow with documents: it is no biometric authentication */
  readonly enrolWorkflow: string;
  readonly sendWorkflowType: boolean;
}

/** Fields that can be left out when the vendor does not take them. */
const OPTIONAL = ['workflow_type', 'language'] as const;

/**
 * Makes `openVerification`. What the vendor complained of is remembered, so that one login pays for the finding out, not
 * every one.
 */
export function createOpener({ api, enrolWorkflow, sendWorkflowType }: OpenerOptions) {
  let typeTaken = sendWorkflowType;
  const languagesRefused = new Set<string>();

  return async function openVerification(request: VerificationRequest): Promise<OpenedVerification> {
    const { portrait } = request;
    if (portrait !== undefined && (portrait.byteLength === 0 || portrait.byteLength > PORTRAIT_MAX_BYTES)) {
      throw new VendorRefused(`create: a portrait of ${portrait.byteLength} bytes cannot be sent`);
    }
    const language = languagesIn(request.locales).find((code) => !languagesRefused.has(code));
    const body: Record<string, unknown> = {
      workflow_id: request.workflowId,
      ...(typeTaken && request.workflowId !== enrolWorkflow ? { workflow_type: 'biometric_authentication' } : {}),
      vendor_data: request.subject,
      callback: request.returnUrl,
      // the return token in the callback must reach the device that showed the face, and no other (T2)
      callback_method: 'completer',
      metadata: request.metadata,
      ...(language === undefined ? {} : { language }),
      ...(portrait === undefined ? {} : { portrait_image: Buffer.from(portrait).toString('base64') }),
    };

    let answer = await api.createSession(body);
    for (let field = tooMuch(answer, body); field !== undefined; field = tooMuch(answer, body)) {
      delete body[field];
      if (field === 'workflow_type') typeTaken = false;
      else if (language !== undefined) languagesRefused.add(language);
      answer = await api.createSession(body);
    }
    if (answer.status >= 300) throw createFault(answer, portrait !== undefined);
    return readOpened(answer, request);
  };
}

/** The field among what was sent that the vendor complains of and can do without. */
function tooMuch(answer: Answer, body: Readonly<Record<string, unknown>>): (typeof OPTIONAL)[number] | undefined {
  return OPTIONAL.find((field) => body[field] !== undefined && complainsOf(answer, field));
}

/** @throws VendorRefused | VendorUnavailable for an answer that does not fit what was asked */
function readOpened(answer: Answer, request: VerificationRequest): OpenedVerification {
  const { body } = answer;
  if (!isObject(body) || !isSessionId(body.session_id)) throw outOfContract('no session id');
  if (body.vendor_data !== undefined && body.vendor_data !== null && body.vendor_data !== request.subject) {
    throw outOfContract('another vendor_data');
  }
  if (body.workflow_id !== undefined && body.workflow_id !== null && body.workflow_id !== request.workflowId) {
    throw new VendorRefused(
      'create: the answer names another workflow; configure the workflow id, not that of a version',
    );
  }
  const address = body.url ?? body.session_url ?? null;
  if (address === null || address === '') {
    throw new VendorRefused('create: the answer has no hosted address; the API key lacks the scope "session: write"');
  }
  // one that names no status says nothing against being new; whether its id is new is judged by whoever knows the others
  const status = body.status === undefined ? 'not-started' : readStatus(body.status);
  return { verificationId: body.session_id, url: readHostedUrl(address), status };
}

/** The browser is sent there: https, or http on this machine for a stand-in. Its host is not pinned, custom domains exist. */
function readHostedUrl(address: unknown): string {
  const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
  if (url === undefined || !safe) throw outOfContract('a hosted address that is not https');
  // what stands before an @ looks like the host, and is none
  if (url.username !== '' || url.password !== '') throw outOfContract('a hosted address with a user in it');
  return url.href;
}

/** The two-letter languages among the locales, in their order; the vendor's list of some fifty is not published. */
function languagesIn(locales: readonly string[] = []): string[] {
  return locales.flatMap((locale) => /^([a-z]{2})(?:[-_]|$)/i.exec(locale)?.[1]?.toLowerCase() ?? []);
}

function outOfContract(what: string): AppError {
  return new VendorUnavailable(`create: the vendor answered with ${what}`);
}
