/** Network adapters and what they are plugged into, for a machine that is on. */
import type { Clock } from '../../devices/clock.ts';
import { DhcpSettingsError } from '../network/dhcp-settings.ts';
import { formatMac } from '../network/mac-address.ts';
import type { NetworkServices } from '../network/networks.ts';
import { Networks } from '../network/networks.ts';
import type { AdapterWire } from './adapter-wire.ts';
import type { ResolvedAdapter } from './defaults.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { MachineEventData } from './events.ts';

export interface AdaptersOptions {
  readonly clock: Clock;
  readonly adapters: readonly ResolvedAdapter[];
  readonly wires: readonly AdapterWire[];
  readonly services: NetworkServices;
  readonly wake: () => void;
  readonly onLease: (lease: MachineEventData<'net.lease'>) => void;
  readonly onProblem: (problem: MachineEventData<'net.problem'>) => void;
}

/** @throws VirtualServerError `VS_HOST` */
export function openNetworks(options: AdaptersOptions): Networks {
  const { clock, adapters, wires, services, wake, onLease, onProblem } = options;
  try {
    return new Networks({
      clock,
      adapters: adapters.map(({ configuration }) => configuration),
      cables: wires,
      services,
      wake,
      onLease: ({ macAddress, address }) => onLease({ macAddress: formatMac(macAddress), address }),
      onProblem: (adapter, message) => onProblem({ adapter, message }),
    });
  } catch (cause) {
    const code = cause instanceof DhcpSettingsError ? ErrorCode.InvalidConfiguration : ErrorCode.Host;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new VirtualServerError(code, `network: ${message}`, { subject: 'network', cause });
  }
}
