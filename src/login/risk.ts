// How much this login must prove, from what is stored of device, network and account: gathers the signals for the rules of risk
// (`core/risk.ts`), before the selfie and again when the vendor has said where it was shown.

import type { Account } from '../core/account.ts';
import { addressPrefix, UNKNOWN_PREFIX } from '../core/address.ts';
import type { LoginOrigin } from '../core/binding.ts';
import { assess, foldIn, type RiskAssessment, type RiskSignals } from '../core/risk.ts';
import type { CaptureAnalysis } from '../core/verdict-types.ts';
import type { JourneyParts } from './rules.ts';
import type { DeviceUse } from './stores.ts';

const DAY = 86_400;

export interface LoginSituation {
  /** undefined for somebody new */
  readonly account: Account | undefined;
  /** hash of the device cookie */
  readonly device: string | undefined;
  readonly origin: LoginOrigin;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** what the vendor saw of the capture, once it did */
  readonly captures?: readonly CaptureAnalysis[];
}

export interface Assessed extends RiskAssessment {
  /** this account on this device, as long as it is known */
  readonly use: DeviceUse | undefined;
}

export interface RiskView {
  assess(situation: LoginSituation): Promise<Assessed>;
  /** Has this browser shown this account's face, or its key, and not too long ago? */
  knownUse(accountId: string, device: string | undefined): Promise<DeviceUse | undefined>;
}

export function createRiskView(
  parts: Pick<JourneyParts, 'activity' | 'clock' | 'devices' | 'networks' | 'rules'>,
): RiskView {
  const { activity, clock, devices, networks, rules } = parts;

  async function knownUse(accountId: string, device: string | undefined): Promise<DeviceUse | undefined> {
    const use = device === undefined ? undefined : await devices.find(device, accountId);
    const isAgedOut = use && clock.now() - use.lastUsedAt > rules.risk.knownDeviceDays * DAY;
    return isAgedOut ? undefined : use;
  }

  function knowsNetwork(use: DeviceUse, origin: LoginOrigin): boolean {
    const prefix = addressPrefix(origin.address);
    // where no address is seen at all, everybody would be at home
    if (prefix === UNKNOWN_PREFIX) return false;
    const oldest = clock.now() - rules.risk.knownNetworkDays * DAY;
    return use.networks.some((network) => network.prefix === prefix && network.at >= oldest);
  }

  return {
    knownUse,

    async assess({ account, device, origin, clientId, scopes, captures }) {
      const [use, past] = account
        ? await Promise.all([knownUse(account.id, device), activity.find(account.id)])
        : [undefined, undefined];
      const { place: here, anonymising } = networks.look(origin.address);
      const signals: RiskSignals = {
        now: clock.now(),
        device: use ? 'known' : 'new',
        network: use && knowsNetwork(use, origin) ? 'known' : 'new',
        ...(anonymising ? { anonymising } : {}),
        underReview: account?.review !== undefined,
        ...(use?.selfie ? { lastSelfieAt: use.selfie.at } : {}),
        declines: past?.declines ?? [],
        scopes,
        ...(here ? { here } : {}),
        ...(past?.last ? { last: past.last } : {}),
      };
      const all = captures ? foldIn(signals, captures) : signals;
      return { ...assess(all, rules.forClient(clientId).rules), use };
    },
  };
}
