// The hourly sweep: the vendor's list tells of refusals whose webhook never came (T8, R9). What it names is looked at once more, if it
// ever allowed anything; `late.ts` takes back what has to be.

import { VendorRefused, VendorUnavailable } from '../core/errors.ts';
import type { VerificationStatus } from '../core/verdict-types.ts';
import type { LateVerdicts } from './late.ts';
import { scheduleSingleLook } from './look.ts';
import type { Job } from './ports.ts';
import type { JourneyParts } from './rules.ts';

export const SWEEP = 'sweep';

const EVERY_MS = 3_600_000;
const AFTER_START_MS = 60_000;
/** One start in so long plans it: a little longer than until it is due, or one that starts again and again would put it off for ever. */
const PLANNED_SECONDS = 75;
const PLANNED_KEY = 'sweep:planned';
const PAGE = 100;
/** The list is as long as the vendor keeps sessions; the newest of it are what a lost webhook can be about. */
const MOST_PAGES = 20;
const TURNED: readonly VerificationStatus[] = ['declined', 'kyc-expired'];

export interface Sweep {
  /** Safe to repeat, and in every process: there is one sweep. */
  schedule(): Promise<void>;
  run(job: Job): Promise<void>;
}

export function createSweep(
  parts: Pick<JourneyParts, 'jobs' | 'journal' | 'log' | 'nowMs' | 'store' | 'vendor'> & { late: LateVerdicts },
): Sweep {
  const { jobs, journal, late, log, nowMs, store, vendor } = parts;

  async function sweepStatus(status: VerificationStatus): Promise<number> {
    let found = 0;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const listed = await vendor.listVerifications({ status, offset: page * PAGE, limit: PAGE });
      for (const { verificationId } of listed) {
        if (!(await late.isStanding(verificationId, status))) continue;
        await scheduleSingleLook(parts, verificationId);
        found += 1;
      }
      if (listed.length < PAGE) break;
    }
    return found;
  }

  return {
    async schedule() {
      if (!(await store.putIfAbsent(PLANNED_KEY, true, PLANNED_SECONDS))) return;
      await jobs.schedule({ kind: SWEEP, id: 'hourly', dueAtMs: nowMs() + AFTER_START_MS });
    },

    async run(job) {
      try {
        let found = 0;
        for (const status of TURNED) found += await sweepStatus(status);
        if (found > 0) {
          log.warn({ found }, 'the sweep found verdicts that turned without a webhook');
          await journal.record({ event: 'sweep.found', count: found });
        }
      } catch (error) {
        if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
        log.warn({ code: error.code }, "the vendor's list could not be read; it is read again in an hour");
      }
      await jobs.schedule({ kind: SWEEP, id: job.id, dueAtMs: nowMs() + EVERY_MS });
    },
  };
}
