// `check`: all that can be known before the first login, without listening: for an operator, and for whatever deploys.

import { stringify } from 'yaml';
import { checkStorage } from '../../admin/check-storage.ts';
import { checkVendor } from '../../admin/check-vendor.ts';
import type { App } from '../../app.ts';
import type { Parts } from '../../app-parts.ts';
import { type Config, toPrintable, toWritten } from '../../config/config.ts';
import type { Fault } from '../../config/faults.ts';
import { AppError, StorageUnavailable } from '../../core/errors.ts';
import type { VendorFinding } from '../../login/ports.ts';
import type { RequestLogger } from '../../telemetry/log.ts';
import { type Call, type Command, expectWords, FAILED, MISUSED, SUCCESS } from '../command.ts';
import { columns, printable } from '../output.ts';
import { findNothing, logTo, printFaults, withConfig } from '../work.ts';

export const check: Command = {
  name: 'check',
  summary: 'Judges settings, files, keys, clients and storage, and prints the configuration in effect',
  forms: ['check [--vendor] [--mail]'],
  options: {
    vendor: { type: 'boolean', about: 'also ask the vendor for workflows, webhook destination, environment and time' },
    mail: { type: 'boolean', about: 'also ask the mail server whether it takes us; nothing is sent' },
  },
  notes: ['Exit code 2: the configuration has faults. 1: the storage or the vendor has. Secrets print as [secret].'],
  async run(call) {
    expectWords(call.words, 0);
    return withConfig(call, async (config, warnings) => {
      const findings: VendorFinding[] = warnings.map((message) => ({ level: 'warning', subject: 'settings', message }));
      findings.push(
        { level: 'ok', subject: 'settings', message: kindOf(config) },
        { level: 'ok', subject: 'keys', message: `${config.jwks.keys.map(({ alg }) => alg).join(', ')} sign` },
      );
      const served = await checkParts(call, config, findings);
      if (served !== undefined) return served;
      print(call, config, findings);
      return findings.some(({ level }) => level === 'fault') ? FAILED : SUCCESS;
    });
  },
};

/** @returns an exit code when the configuration itself turned out to be faulty */
async function checkParts(call: Call, config: Config, findings: VendorFinding[]): Promise<number | undefined> {
  const [{ createApp }, { faultsOf }] = await Promise.all([import('../../app.ts'), import('../../config/faults.ts')]);
  // what goes wrong is a finding
  const log = logTo(call, 'silent');
  try {
    const parts = await openProbed(config, findings, log);
    try {
      const { length } = config.clients;
      const clients = `${length} accepted by the provider${config.demo ? ', beside those of the demo' : ''}`;
      const app = await createApp(parts.config, { log });
      findings.push({ level: 'ok', subject: 'clients', message: clients });
      if (call.values.mail === true) findings.push(await checkMail(app));
      await app.close();
      if (call.values.vendor === true) {
        findings.push(...(await checkVendor({ vendor: parts.vendor, issuer: config.issuer })));
      }
    } finally {
      await parts.backend.close();
    }
    return undefined;
  } catch (error) {
    const faults = faultsOf(error);
    if (faults) {
      printFaults(call, [...findings.flatMap(asFault), ...faults]);
      return MISUSED;
    }
    if (!(error instanceof AppError)) throw error;
    findings.push(storageFault(error));
    return undefined;
  }
}

/** Parts on the storage that is configured; where it is not there or does not answer, in memory: all the rest can be told without. */
async function openProbed(config: Config, findings: VendorFinding[], log: RequestLogger): Promise<Parts> {
  const { openParts } = await import('../../app-parts.ts');
  try {
    const nothing = config.storageUrl === 'memory:' ? undefined : await findNothing(config);
    if (nothing === undefined) {
      const parts = await openParts(config, { log });
      const probing = probeStorage(parts).catch((error: unknown) =>
        parts.backend.close().then(() => Promise.reject(error)),
      );
      findings.push(await probing);
      return parts;
    }
    findings.push({ level: 'warning', subject: 'storage', message: nothing });
  } catch (error) {
    if (!(error instanceof StorageUnavailable)) throw error;
    findings.push(storageFault(error));
  }
  return openParts({ ...config, storageUrl: 'memory:' }, { log });
}

function storageFault({ message }: AppError): VendorFinding {
  return { level: 'fault', subject: 'storage', message };
}

/** As one more of the configuration's: only the storage is judged before them. */
function asFault({ level, message }: VendorFinding): Fault[] {
  return level === 'fault'
    ? [{ where: 'STORAGE_URL', problem: message, fix: 'mend the storage, or name the right one' }]
    : [];
}

async function probeStorage(parts: Parts): Promise<VendorFinding> {
  const isKept = await checkStorage(parts);
  const said = isKept ? 'opens, writes and reads' : 'does not give back what it was given';
  return { level: isKept ? 'ok' : 'fault', subject: 'storage', message: `${parts.backend.description}: ${said}` };
}

async function checkMail(app: App): Promise<VendorFinding> {
  const probe = await app.probeMail();
  if (!probe)
    return { level: 'warning', subject: 'mail', message: 'SMTP_URL is not set: no code, link or notice is sent' };
  return probe.ok
    ? { level: 'ok', subject: 'mail', message: 'the mail server takes us' }
    : { level: 'fault', subject: 'mail', message: probe.reason };
}

function kindOf(config: Config): string {
  if (config.demo) return 'of the demo: a stand-in plays the vendor, on this machine only';
  return config.production ? 'of production' : 'of development, with the real vendor: not fit for production';
}

function print(call: Call, config: Config, findings: readonly VendorFinding[]): void {
  if (call.json) {
    for (const finding of findings) call.out(JSON.stringify(finding));
    call.out(JSON.stringify({ config: toPrintable(config) }));
    return;
  }
  for (const line of columns(findings.map(({ level, subject, message }) => [level, subject, message]))) call.out(line);
  call.out('');
  for (const line of stringify(toWritten(config)).trimEnd().split('\n')) call.out(printable(line));
}
