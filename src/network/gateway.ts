/** The built-in station of a network: gateway, DHCP server, boot files, and the way out, as far as each is wanted. */
import type { Clock } from '../../devices/clock.ts';
import { DhcpServer } from './dhcp-server.ts';
import type { BootOffer, LeaseStore } from './dhcp-server.ts';
import type { DhcpSettings } from './dhcp-settings.ts';
import type { HostSockets } from './host-sockets.ts';
import { IpHost } from './ip-host.ts';
import { Nat } from './nat.ts';
import type { PortForward } from './nat.ts';
import { parseIpv4 } from './packet.ts';
import { Policy } from './policy.ts';
import type { PolicyConfiguration } from './policy.ts';
import type { SwitchPort, VirtualSwitch } from './switch.ts';
import { TftpServer } from './tftp-server.ts';
import type { TftpFiles } from './tftp-server.ts';

const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
/** Locally administered, so that it meets no adapter's. */
const GATEWAY_MAC = Uint8Array.of(0x02, 0x03, 0xff, 0x00, 0x00, 0x01);
const BOOT_FILES = ['pxelinux.0', 'lpxelinux.0', 'undionly.kpxe', 'grldr'];
const IPXE_FILE = 'boot.ipxe';

export interface GatewayOptions {
  readonly clock: Clock;
  readonly network: VirtualSwitch;
  readonly dhcp: DhcpSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly leases?: LeaseStore | undefined;
  readonly onLease?: (lease: { readonly macAddress: Uint8Array; readonly address: number }) => void;
  readonly pxe?: { readonly files: TftpFiles; readonly bootFile?: string | undefined } | undefined;
  readonly nat?:
    | (PolicyConfiguration & {
        readonly sockets: HostSockets;
        readonly dns: number;
        readonly forwards?: readonly PortForward[] | undefined;
        readonly seed: number;
      })
    | undefined;
  readonly onProblem: (message: string) => void;
}

export class Gateway {
  readonly dhcp: DhcpServer;
  readonly nat: Nat | undefined;
  readonly #host: IpHost;
  readonly #port: SwitchPort;
  readonly #tftp: TftpServer | undefined;

  constructor(options: GatewayOptions) {
    const { clock, network, dhcp, pxe, nat, leases, onLease, onProblem } = options;
    this.#port = network.attach('gateway', {
      receive: (frame) => {
        this.#host.receive(frame);
        return true;
      },
    });
    const addresses = nat ? [dhcp.serverAddress, nat.dns] : [dhcp.serverAddress];
    this.#host = new IpHost({
      clock,
      macAddress: GATEWAY_MAC,
      addresses,
      network: dhcp.network,
      mask: dhcp.mask,
      send: (frame) => this.#port.send(frame),
    });
    const boot = pxe && bootOffer(dhcp.serverAddress, pxe.files, pxe.bootFile);
    this.dhcp = new DhcpServer({
      settings: dhcp,
      now: options.now,
      ...(leases ? { store: leases } : {}),
      ...(boot ? { boot } : {}),
      ...(onLease ? { onLease } : {}),
    });
    this.#host.serve(DHCP_SERVER_PORT, ({ sourcePort, data }) => this.#dhcpMessage(sourcePort, data));
    this.#tftp = pxe && new TftpServer(clock, this.#host, pxe.files);
    if (nat) {
      const own = (): number[] => nat.sockets.ownAddresses().flatMap((address) => parseIpv4(address) ?? []);
      this.nat = new Nat({
        clock,
        host: this.#host,
        sockets: nat.sockets,
        policy: new Policy(nat, own),
        gateway: dhcp.serverAddress,
        dns: nat.dns,
        firstGuest: dhcp.start,
        ...(nat.forwards ? { forwards: nat.forwards } : {}),
        seed: nat.seed,
        onProblem,
      });
      this.#host.router = this.nat;
    }
  }

  #dhcpMessage(sourcePort: number, data: Uint8Array): void {
    const answer = sourcePort === DHCP_CLIENT_PORT ? this.dhcp.handle(data) : undefined;
    if (!answer) return;
    this.#host.sendUdpTo(answer.hardwareAddress, this.#host.address, answer.destination, {
      sourcePort: DHCP_SERVER_PORT,
      destinationPort: DHCP_CLIENT_PORT,
      data: answer.bytes,
    });
  }

  close(): void {
    this.nat?.close();
    this.#tftp?.close();
    this.#host.close();
    this.#port.close();
  }
}

function bootOffer(server: number, files: TftpFiles, bootFile: string | undefined): BootOffer {
  const exists = (name: string): boolean => {
    const file = files(name);
    file?.close();
    return file !== undefined;
  };
  return {
    server,
    file: (userClass) => {
      if (bootFile !== undefined) return bootFile;
      if (userClass.includes('iPXE') && exists(IPXE_FILE)) return IPXE_FILE;
      return BOOT_FILES.find(exists);
    },
  };
}
