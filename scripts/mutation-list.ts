// The rules that `npm run mutations` breaks, each by one edit. The verdict check is here field by field (invariant 4).

export interface Mutation {
  /** what is broken, as a sentence about the rule */
  readonly name: string;
  readonly file: string;
  /** stands exactly once in the file; a test holds that */
  readonly find: string;
  readonly replace: string;
  readonly tests: readonly string[];
}

const verdict = (name: string, find: string, replace: string): Mutation => ({
  name: `verdict: ${name}`,
  file: 'src/core/verdict.ts',
  find,
  replace,
  tests: ['test/core/verdict.test.ts'],
});

export const MUTATIONS: readonly Mutation[] = [
  verdict('any status is taken for Approved', "if (verdict.status !== 'approved')", 'if (false)'),
  verdict('the session id is not compared', 'if (verdict.verificationId !== expected.verificationId)', 'if (false)'),
  verdict('vendor_data is not compared', 'if (verdict.subject !== expected.subject)', 'if (false)'),
  verdict(
    'the workflow is not compared',
    'if (verdict.workflowId !== null && verdict.workflowId !== expected.workflowId)',
    'if (false)',
  ),
  verdict(
    'the environment is not compared',
    'if (verdict.environment !== null && verdict.environment !== expected.environment)',
    'if (false)',
  ),
  verdict(
    'an older verdict counts',
    'if (verdict.decidedAt < expected.begunAt - CLOCK_TOLERANCE_SECONDS)',
    'if (false)',
  ),
  verdict('liveness may be missing', "if (verdict.liveness.length === 0) return ['liveness-missing'];", ''),
  verdict('liveness need not be approved', 'if (!allApproved(verdict.liveness))', 'if (false)'),
  verdict(
    'a passive liveness passes for an active one',
    'if (someApproved && !isAtLeast(reached(verdict), expected.method))',
    'if (false)',
  ),
  verdict('the liveness floor is ignored', 'if (isBelow(verdict.liveness, rules.minLivenessScore))', 'if (false)'),
  verdict(
    'the face match may be missing (T9)',
    "if (verdict.faceMatches.length === 0) return ['face-match-missing'];",
    '',
  ),
  verdict('the face match need not be approved', 'if (!allApproved(verdict.faceMatches))', 'if (false)'),
  verdict('the face floor is ignored', 'if (isBelow(verdict.faceMatches, rules.minFaceScore))', 'if (false)'),
  verdict('an enrolment needs no document', "if (verdict.documents.length === 0) return ['document-missing'];", ''),
  verdict('the document need not be approved', 'if (!allApproved(verdict.documents))', 'if (false)'),
  verdict(
    'anybody may re-enrol (T14)',
    "if (expected.purpose === 're-enrol' && expected.identityMatches !== true)",
    'if (false)',
  ),
  verdict(
    'warnings are ignored',
    'verdict.warnings.some((warning) => rules.refuseWarnings.includes(warning))',
    'false',
  ),
  verdict(
    'one approved check is enough',
    'checks.every((check) => check.status',
    'checks.some((check) => check.status',
  ),
  verdict(
    'a check without a score meets a floor',
    'check.score === undefined || check.score < floor',
    'check.score !== undefined && check.score < floor',
  ),
  verdict('a declined active check counts as active', ".filter((check) => check.status === 'approved')", ''),
  verdict(
    'auth_time may be older than the attempt (T13)',
    'Math.max(verdict.decidedAt, expected.begunAt)',
    'verdict.decidedAt',
  ),
  verdict('an unknown status is a success', "unknown: 'waiting'", "unknown: 'judge'"),
  {
    name: 'binding: the address alone ties a capture to a browser (T2)',
    file: 'src/core/binding.ts',
    find: 'capture.platform === origin.platform &&',
    replace: 'true &&',
    tests: ['test/core/binding.test.ts'],
  },
  {
    name: 'binding: a phone may capture for a desktop unasked (T2)',
    file: 'src/core/binding.ts',
    find: "reasons.push('phone-for-desktop')",
    replace: 'reasons.length',
    tests: ['test/core/binding.test.ts'],
  },
  {
    name: 'binding: a number confirms although policy forbids another device',
    file: 'src/core/binding.ts',
    find: "facts.confirmed && crossDevice === 'confirm'",
    replace: 'facts.confirmed',
    tests: ['test/core/binding.test.ts'],
  },
  {
    name: 'claim: anybody pre-empts a claim (T1)',
    file: 'src/core/claim.ts',
    find: 'holder.browser === challenger.browser ||',
    replace: 'true ||',
    tests: ['test/core/claim.test.ts'],
  },
  {
    name: 'claim: a known device is pre-empted by time',
    file: 'src/core/claim.ts',
    find: '(!holder.knownDevice && now - holder.claimedAt',
    replace: '(now - holder.claimedAt',
    tests: ['test/core/claim.test.ts'],
  },
  {
    name: 'attempt: an approval revives an attempt that is over (T12)',
    file: 'src/core/advance.ts',
    find: "if (attempt.state === 'spent' || attempt.state === 'ended') return flipOrRefuse(attempt, event);",
    replace: '',
    tests: ['test/core/attempt.test.ts'],
  },
  {
    name: 'attempt: a declined verification can be approved later (T8)',
    file: 'src/core/advance.ts',
    find: "if (verification.conclusion === 'refused') return unchanged(attempt);",
    replace: '',
    tests: ['test/core/attempt.test.ts'],
  },
  {
    name: 'attempt: an older status overwrites a newer one (T8)',
    file: 'src/core/advance.ts',
    find: 'if (isOlder(event, verification)) return verification;',
    replace: '',
    tests: ['test/core/attempt.test.ts'],
  },
  {
    name: 'attempt: wrong numbers are not counted',
    file: 'src/core/advance.ts',
    find: 'const wrongNumbers = attempt.wrongNumbers + 1;',
    replace: 'const wrongNumbers = attempt.wrongNumbers;',
    tests: ['test/core/attempt.test.ts'],
  },
  {
    name: 'webhook: a stale delivery is believed (T7)',
    file: 'src/vendors/didit/webhook.ts',
    find: "if (!isFresh(sentAt, headers['x-timestamp'], now)) {",
    replace: 'if (false) {',
    tests: ['test/vendors/webhook.test.ts'],
  },
  {
    name: 'webhook: any signature is good (T5)',
    file: 'src/vendors/didit/webhook.ts',
    find: "return overRaw ? 'raw' : undefined;",
    replace: "return 'raw';",
    tests: ['test/vendors/webhook.test.ts'],
  },
  {
    name: 'strength: a passkey passes for a face',
    file: 'src/core/assurance.ts',
    find: 'return wanted === RECOVERY || wanted === DEVICE;',
    replace: 'return true;',
    tests: ['test/core/requirement.test.ts'],
  },
  {
    name: 'strength: a known device is enough where more is asked',
    file: 'src/core/requirement.ts',
    find: 'isEnough(DEVICE, need) && ',
    replace: '',
    tests: ['test/core/requirement.test.ts'],
  },
  {
    name: 'strength: one of two floors is enough',
    file: 'src/core/requirement.ts',
    find: 'if (!need.floors.every((floor) => acrSatisfies(acr, floor))) return false;',
    replace: 'if (!need.floors.some((floor) => acrSatisfies(acr, floor)) && need.floors.length > 0) return false;',
    tests: ['test/core/requirement.test.ts'],
  },
  {
    name: 'risk: the last rule that speaks decides, not the one that asks for most',
    file: 'src/core/risk.ts',
    find: 'demand = demand === undefined ? asks : stronger(demand, asks);',
    replace: 'demand = asks;',
    tests: ['test/core/risk.test.ts'],
  },
  {
    name: 'skip: a new proof was asked for, and none is given',
    file: 'src/login/identify.ts',
    find: ' || request.wantsNewProof',
    replace: '',
    tests: ['test/flows/known-device.test.ts'],
  },
  {
    name: 'other ways: one that is not enough is offered (T16)',
    file: 'src/login/other-ways.ts',
    find: 'return isEnough(acrOfWay(way), required);',
    replace: 'return true;',
    tests: ['test/flows/other-ways.test.ts'],
  },
  {
    name: 'other ways: wrong codes are not counted',
    file: 'src/core/advance.ts',
    find: 'wrong: mailed.wrong + 1',
    replace: 'wrong: mailed.wrong',
    tests: ['test/core/attempt.test.ts'],
  },
  {
    name: 'restore: refresh tokens come back, used or not',
    file: 'src/storage/archive/kinds.ts',
    find: "'oidc:RefreshToken': { name: 'refresh tokens', fate: 'never' }",
    replace: "'oidc:RefreshToken': { name: 'refresh tokens', fate: 'kept' }",
    tests: ['test/storage/archive.test.ts'],
  },
  {
    name: 'archive: a chunk is good in any place',
    file: 'src/storage/archive/format.ts',
    find: 'bytes.writeBigUInt64BE(BigInt(number));',
    replace: 'bytes.writeBigUInt64BE(0n);',
    tests: ['test/storage/archive.test.ts'],
  },
  {
    name: 'import: a storage in use is written to',
    file: 'src/storage/archive/import.ts',
    find: 'return found === undefined ? undefined :',
    replace: 'return true ? undefined :',
    tests: ['test/storage/archive.test.ts'],
  },
  {
    name: 'move: a provider starts on the storage that was left',
    file: 'src/app.ts',
    find: '  await orClose(assertServable(store));',
    replace: '',
    tests: ['test/cli/moves.test.ts'],
  },
  {
    name: 'breaker: every process probes',
    file: 'src/vendors/didit/breaker.ts',
    find: 'if (await takeProbe()) return',
    replace: 'if ((await takeProbe()) || true) return',
    tests: ['test/vendors/shared-notes.test.ts'],
  },
  {
    name: 'notes: a clock that is ahead makes a pause longer (R10)',
    file: 'src/vendors/shared-notes.ts',
    find: 'sinceMs: Math.min(written.sinceMs, now)',
    replace: 'sinceMs: written.sinceMs',
    tests: ['test/vendors/shared-notes.test.ts'],
  },
  {
    name: 'sweeper: every process sweeps',
    file: 'src/storage/sweeper.ts',
    find: 'if (await store.putIfAbsent(TURN_KEY, true, TURN_SECONDS))',
    replace: 'if ((await store.putIfAbsent(TURN_KEY, true, TURN_SECONDS)) || true)',
    tests: ['test/storage/sweeper.test.ts'],
  },
  {
    name: 'metrics: what a process counted goes when it ends',
    file: 'src/telemetry/summed-series.ts',
    find: '...last.filter(isCounted)',
    replace: '...[]',
    tests: ['test/telemetry/summed-series.test.ts'],
  },
  {
    name: 'workers: one that ends again and again is replaced at once',
    file: 'src/workers/crew.ts',
    find: 'place.shortLives = isShort ? place.shortLives + 1 : 0;',
    replace: 'place.shortLives = 0;',
    tests: ['test/workers/crew.test.ts'],
  },
];
