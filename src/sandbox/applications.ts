/**
 * The customers of the stand-in's Didit: ours, and others with keys and workflows of their own, who see nothing of each
 * other and may share a finished session (section 14 of the contract). Only ours has a webhook destination.
 */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { SandboxOptions, WorkflowKind } from './types.ts';

export interface Application {
  readonly id: string;
  /** For people and for tests to name it by; ours is called `own`. */
  readonly name: string;
  readonly apiKey: string;
  readonly workflows: Readonly<Record<WorkflowKind, string>>;
}

/** Another customer; what is left out is made up. */
export interface OtherApplication {
  readonly name: string;
  readonly apiKey?: string;
  readonly id?: string;
  readonly workflows?: Readonly<Record<WorkflowKind, string>>;
}

export type Applications = ReturnType<typeof createApplications>;

export function createApplications(options: SandboxOptions) {
  const { apiKey, workflows, applicationId = randomUUID(), otherApplications = [{ name: 'partner' }] } = options;
  const own: Application = { id: applicationId, name: 'own', apiKey, workflows };
  const all: readonly Application[] = [own, ...otherApplications.map(completed)];
  return {
    own,
    all,
    byKey: (sent: string): Application | undefined => all.find((one) => sameText(sent, one.apiKey)),
    byId: (id: string): Application | undefined => all.find((one) => one.id === id),
    /** By id or name. @throws Error when there is none */
    load(named: string): Application {
      const found = all.find(({ id, name }) => id === named || name === named);
      if (found === undefined) throw new Error(`the stand-in has no application ${named}`);
      return found;
    },
  };
}

function completed(given: OtherApplication): Application {
  return {
    id: randomUUID(),
    apiKey: randomBytes(16).toString('hex'),
    workflows: { enrol: randomUUID(), passive: randomUUID(), active: randomUUID() },
    ...given,
  };
}

function sameText(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
