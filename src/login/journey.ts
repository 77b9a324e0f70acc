// One login, top to bottom: begin, settle, finish. Read this file first.
//
// Each step reads the stored attempt, moves it with `advance()`, and stops; none calls another. So a webhook, a poll and a page
// reload may come in any order, on any replica, and mean the same.
//
//   begin    who is claimed and what must be proven → one verification at the vendor        begin.ts, identify.ts, open.ts
//   (visits  the person is back, a number is typed, a stranger denies)                      visits.ts
//   settle   a verdict, by webhook or poll → accepted or refused; late ones take back       inbox.ts, look.ts, settle.ts, late.ts
//   (else    no selfie: a known device, a key, a code by mail or from support               risk.ts, other-ways.ts, mailed-codes.ts
//            or beside one: a key, made or used                                             use-passkey.ts, make-passkey.ts
//   finish   the same browser, a verdict, the same face → account and login result          finish.ts, enrol.ts
//   (ending  given up, denied, pre-empted, lapsed)                                          ending.ts
//   (after   notices, "this was not me", the hourly sweep                                   notices.ts, denials.ts, sweep.ts

import type { Verdict } from '../core/verdict-types.ts';
import { type Beginning, createBeginning } from './begin.ts';
import { createDenials, type Denials } from './denials.ts';
import { createEnding, DELETE, type Ending, LAPSE } from './ending.ts';
import { createEnrolment, RENEWAL } from './enrol.ts';
import { createFinishing, type Finishing } from './finish.ts';
import { createInbox, DELIVERY, type Inbox } from './inbox.ts';
import { createKeyChallenges } from './key-challenges.ts';
import { createLateVerdicts } from './late.ts';
import { createLimiter } from './limits.ts';
import { createLooker, createSingleLooker, LOOK, SINGLE_LOOK } from './look.ts';
import { createMailedCodes, type MailedCodes } from './mailed-codes.ts';
import { createPasskeyMaking, type PasskeyMaking } from './make-passkey.ts';
import { createNotices, type Notices } from './notices.ts';
import { createOtherWays, type OtherWays } from './other-ways.ts';
import { createRiskView, type RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';
import { createSettlement, type Settlement } from './settle.ts';
import { createSweep, SWEEP } from './sweep.ts';
import { createPasskeyUse, type PasskeyUse } from './use-passkey.ts';
import { createVisits, type Visits } from './visits.ts';
import { createWorker, type Handler, type Worker } from './work.ts';

export interface Journey {
  readonly begin: Beginning['begin'];
  readonly isOpening: Beginning['isOpening'];
  readonly visits: Visits;
  readonly inbox: Inbox;
  readonly settle: Settlement['settle'];
  readonly finish: Finishing['finish'];
  readonly ending: Ending;
  readonly otherWays: OtherWays;
  readonly passkeyUse: PasskeyUse;
  readonly passkeyMaking: PasskeyMaking;
  readonly mailedCodes: MailedCodes;
  readonly denials: Denials;
  readonly notices: Notices;
  readonly risk: RiskView;
  readonly worker: Worker;
  /** what has to be planned when a process starts */
  start(): Promise<void>;
}

/** @param moreWork handlers of jobs that are not the journey's own (back-channel logout) */
export function createJourney(parts: JourneyParts, moreWork: Readonly<Record<string, Handler>> = {}): Journey {
  const limiter = createLimiter(parts);
  const risk = createRiskView(parts);
  const notices = createNotices(parts);
  const denials = createDenials(parts);
  const ending = createEnding(parts);
  const enrolment = createEnrolment(parts);
  const late = createLateVerdicts(parts);
  const sweep = createSweep({ ...parts, late });
  const settlement = createSettlement({ ...parts, ending, enrolment, late });
  const finishing = createFinishing({ ...parts, ending, enrolment, late, notices, risk });
  let poke = (): void => undefined;
  const inbox = createInbox({ ...parts, settlement, poke: () => poke() });
  const settle = async (verdict: Verdict) => {
    await settlement.settle(verdict);
  };
  const worker = createWorker({
    jobs: parts.jobs,
    log: parts.log,
    nowMs: parts.nowMs,
    handlers: {
      [DELIVERY]: inbox.process,
      [LOOK]: createLooker({ ...parts, settle, missLook: settlement.missLook, followUp: settlement.followUp }),
      [SINGLE_LOOK]: createSingleLooker({ ...parts, settle }),
      [LAPSE]: finishing.lapse,
      [DELETE]: ending.deleteAtVendor,
      [RENEWAL]: enrolment.completeRenewal,
      [SWEEP]: sweep.run,
      ...moreWork,
    },
  });
  poke = worker.poke;
  const mailedCodes = createMailedCodes({ ...parts, limiter });
  const otherWays = createOtherWays({ ...parts, limiter });
  const challenges = createKeyChallenges(parts);
  const passkeyUse = createPasskeyUse({ ...parts, limiter, otherWays, challenges });
  const passkeyMaking = createPasskeyMaking({ ...parts, late, notices, challenges });
  const visits = createVisits({ ...parts, ending, denials });
  const beginning = createBeginning({ ...parts, limiter, ending, risk, mailedCodes });
  return {
    begin: beginning.begin,
    isOpening: beginning.isOpening,
    visits,
    inbox,
    settle: settlement.settle,
    finish: finishing.finish,
    ending,
    otherWays,
    passkeyUse,
    passkeyMaking,
    mailedCodes,
    denials,
    notices,
    risk,
    worker,
    start: sweep.schedule,
  };
}
