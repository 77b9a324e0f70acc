// Taking over a session that another customer of the vendor shared with us (its "reusable KYC"). The share token is as good as
// the verification itself until it is used: it goes into one request body and into nothing else, no log, no error, no path.

import { SharedVerificationRefused, VendorUnavailable } from '../../core/errors.ts';
import type { IdentityVendor } from '../../login/ports.ts';
import type { Api } from './api.ts';
import { importFault } from './faults.ts';
import { isObject } from './json.ts';
import { isSessionId } from './wire.ts';

/** The vendor's tokens are of no documented form or length; what a person pastes is not sent on without a bound. */
const LONGEST_TOKEN = 8192;

/**
 * Makes `importShared`. Not repeatable: the vendor imports once, so after `VendorUnavailable` it is unknown whether the copy
 * exists, and a second call with the same token may be refused although the first one worked.
 */
export function createImporter({ api }: { readonly api: Pick<Api, 'importShared'> }): IdentityVendor['importShared'] {
  return async function importShared({ shareToken, workflowId, subject, trustReview }) {
    if (shareToken === '' || shareToken.length > LONGEST_TOKEN) {
      throw new SharedVerificationRefused(`import: ${shareToken.length} characters are no token`);
    }
    const answer = await api.importShared({
      share_token: shareToken,
      trust_review: trustReview,
      workflow_id: workflowId,
      vendor_data: subject,
    });
    if (answer.status >= 300) throw importFault(answer);
    const { body } = answer;
    if (!isObject(body) || !isSessionId(body.session_id)) throw outOfContract('no session id');
    // a copy under another name, or in another workflow, is not the one that was asked for
    for (const [name, wanted] of [
      ['vendor_data', subject],
      ['workflow_id', workflowId],
    ] as const) {
      if (body[name] !== undefined && body[name] !== null && body[name] !== wanted)
        throw outOfContract(`another ${name}`);
    }
    return { verificationId: body.session_id };
  };
}

function outOfContract(what: string): VendorUnavailable {
  return new VendorUnavailable(`import: the vendor answered with ${what}`);
}
