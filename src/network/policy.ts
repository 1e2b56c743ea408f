/**
 * What guests may reach through address translation. Without a list everything outside; the host itself only when allowed, and
 * never what is no place to connect to.
 */
import { parseIpv4 } from './packet.ts';

export interface PolicyConfiguration {
  /**
   * Places that may be reached: `ADDRESS[/BITS][:PORT[-PORT]]`, `*[:PORT[-PORT]]`, or `dns` for the host's name server. Default:
   * everything outside the host.
   */
  readonly allow?: readonly string[];
  /** The gateway's address stands for the host's loopback, and the host's own addresses may be reached. Default false. */
  readonly hostLoopback?: boolean;
}

interface Rule {
  readonly network: number;
  readonly mask: number;
  readonly firstPort: number;
  readonly lastPort: number;
}

const RULE = /^(\*|\d+\.\d+\.\d+\.\d+)(?:\/(\d{1,2}))?(?::(\d{1,5})(?:-(\d{1,5}))?)?$/;
const DNS = 'dns';
/** This network, loopback, link-local, multicast and reserved. */
const NEVER: readonly (readonly [network: number, mask: number])[] = [
  [0x00000000, 0xff000000],
  [0x7f000000, 0xff000000],
  [0xa9fe0000, 0xffff0000],
  [0xe0000000, 0xe0000000],
];

const inside = (address: number, network: number, mask: number): boolean => (address & mask) >>> 0 === network;

/** @returns undefined if the text is not a rule */
export function parseRule(text: string): Rule | typeof DNS | undefined {
  if (text === DNS) return DNS;
  const [, address, bits, first, last] = RULE.exec(text) ?? [];
  if (address === undefined) return undefined;
  const any = address === '*';
  const base = any ? 0 : parseIpv4(address);
  const length = any ? 0 : Number(bits ?? 32);
  const firstPort = Number(first ?? 0);
  const lastPort = Number(last ?? first ?? 65_535);
  if (base === undefined || length > 32 || (any && bits !== undefined)) return undefined;
  if (lastPort > 65_535 || firstPort > lastPort) return undefined;
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return { network: (base & mask) >>> 0, mask, firstPort, lastPort };
}

export class Policy {
  readonly hostLoopback: boolean;
  readonly dns: boolean;
  readonly #rules: readonly Rule[] | undefined;
  readonly #own: () => readonly number[];

  /** @param ownAddresses of the host @throws RangeError naming a rule that is none */
  constructor(configuration: PolicyConfiguration, ownAddresses: () => readonly number[]) {
    const { allow } = configuration;
    this.hostLoopback = configuration.hostLoopback ?? false;
    this.#own = ownAddresses;
    const parsed = allow?.map((text) => {
      const rule = parseRule(text);
      if (rule === undefined) throw new RangeError(`'${text}' is not a rule such as 10.1.0.0/16:80-443, *:80 or dns`);
      return rule;
    });
    this.dns = parsed === undefined || parsed.includes(DNS);
    this.#rules = parsed?.filter((rule): rule is Rule => rule !== DNS);
  }

  /** Whether a place outside may be reached. */
  allows(address: number, port: number): boolean {
    if (NEVER.some(([network, mask]) => inside(address, network, mask))) return false;
    if (!this.hostLoopback && this.#own().includes(address)) return false;
    return (
      this.#rules?.some(
        ({ network, mask, firstPort, lastPort }) =>
          inside(address, network, mask) && port >= firstPort && port <= lastPort,
      ) ?? true
    );
  }
}
