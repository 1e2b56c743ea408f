/** Where a machine's time goes: accesses of the processor to devices, counted while the configuration asks for a profile. */
import type { ProcessorBus, ProfileClock } from '../../cpu/processor.ts';
import type { DeviceProfile, MachineProfile } from './api.ts';
import type { MemoryBus, PortBus } from './bus-map.ts';
import type { Powered } from './powered.ts';
import { statisticsOf } from './powered.ts';

const PAGE_BITS = 12;
/** Pages of device memory told apart; there are no more than these that answer. */
const MAX_PAGES = 65536;

interface Accesses {
  reads: number;
  writes: number;
  milliseconds: number;
}

/** Stands between the processor and the buses. Ports are counted singly and memory by pages: names are for the report. */
export class AccessCounter {
  readonly #clock: ProfileClock;
  readonly #ports = new Map<number, Accesses>();
  readonly #pages = new Map<number, Accesses>();

  constructor(clock: ProfileClock) {
    this.#clock = clock;
  }

  /** The same bus, with its accesses counted. */
  counted(bus: ProcessorBus): ProcessorBus {
    const timed = <T>(map: Map<number, Accesses>, key: number, kind: 'reads' | 'writes', work: () => T): T => {
      let counter = map.get(key);
      if (!counter) {
        counter = { reads: 0, writes: 0, milliseconds: 0 };
        if (map.size < MAX_PAGES) map.set(key, counter);
      }
      counter[kind]++;
      const start = this.#clock.now();
      const result = work();
      counter.milliseconds += this.#clock.now() - start;
      return result;
    };
    return {
      ...bus,
      readPort: (port, size) => timed(this.#ports, port, 'reads', () => bus.readPort(port, size)),
      writePort: (port, size, value) => timed(this.#ports, port, 'writes', () => bus.writePort(port, size, value)),
      readMemory: (address, size) =>
        timed(this.#pages, address >>> PAGE_BITS, 'reads', () => bus.readMemory(address, size)),
      writeMemory: (address, size, value) =>
        timed(this.#pages, address >>> PAGE_BITS, 'writes', () => bus.writeMemory(address, size, value)),
    };
  }

  /** By what answers there now, the most often used first. */
  report(ports: PortBus, memory: MemoryBus): DeviceProfile[] {
    const found = new Map<string, DeviceProfile>();
    const add = (kind: DeviceProfile['kind'], name: string | undefined, accesses: Accesses): void => {
      const device = name ?? 'nothing';
      const key = `${kind} ${device}`;
      const { reads, writes, milliseconds } = found.get(key) ?? { reads: 0, writes: 0, milliseconds: 0 };
      found.set(key, {
        kind,
        device,
        reads: reads + accesses.reads,
        writes: writes + accesses.writes,
        milliseconds: milliseconds + accesses.milliseconds,
      });
    };
    for (const [port, accesses] of this.#ports) add('port', ports.nameAt(port), accesses);
    for (const [page, accesses] of this.#pages) add('memory', memory.nameAt(page * 2 ** PAGE_BITS), accesses);
    return [...found.values()].sort((a, b) => b.reads + b.writes - a.reads - a.writes);
  }
}

/** The profile of a machine that is on and was asked to keep one. */
export function profileOf(powered: Powered | undefined, hostTime: number): MachineProfile | undefined {
  const { processor, accesses, ports, memoryBus } = powered?.board ?? {};
  const report = processor?.profile?.();
  if (!report || !accesses) return undefined;
  return {
    statistics: statisticsOf(powered, hostTime),
    processor: report,
    devices: accesses.report(ports!, memoryBus!),
  };
}
