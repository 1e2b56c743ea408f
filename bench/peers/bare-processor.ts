/**
 * Runs a bare image on this project's processor alone, so that times are taken at the port write itself. The processor first
 * runs the image for WARM_UP_MS, unheard, and is reset with empty memory. Other emulators have run their firmware before they
 * load such an image, so that the host has compiled them well by then; what they know of the image's code, nothing, is what
 * ours knows after the reset.
 */
import { createProcessor, StopReason } from '../../cpu/index.ts';
import type { ProcessorOptions } from '../../cpu/index.ts';
import { readMultiboot, startMultiboot } from '../multiboot.ts';
import type { Guest, RunningGuest } from '../types.ts';
import { guestImage } from './images.ts';

const COM1 = 0x3f8;
const PAGE = 4096;
const RAM_BYTES = 64 << 20;
/** Instructions between two turns of the event loop: some milliseconds. */
const SLICE = 1_000_000;
/** About what v86 takes from its creation to the end of its firmware on the same host. */
const WARM_UP_MS = 1000;

/** @param options what is different from the processor's defaults */
export async function runBareProcessor(
  guest: Guest & { kind: 'multiboot' },
  received: (byte: number) => void,
  ended: (reason: string) => void,
  options: Partial<ProcessorOptions>,
): Promise<RunningGuest> {
  const image = readMultiboot(guestImage(guest));
  let running = true;
  let warm = false;
  const processor = createProcessor(
    { ramBytes: RAM_BYTES, videoBytes: PAGE, romBytes: PAGE, ...options },
    {
      readPort: (_port, size) => 2 ** (8 * size) - 1,
      writePort: (port, _size, value) => {
        if (warm && port === COM1) received(value & 0xff);
      },
      readMemory: (_address, size) => 2 ** (8 * size) - 1,
      writeMemory: () => {},
      acknowledgeInterrupt: () => 0,
      timeStamp: () => Math.floor(performance.now() * 1e6),
      log: () => {},
      setFerr: () => {},
    },
  );
  const { byteOffset } = processor.ram;
  processor.mapPages(0, RAM_BYTES / PAGE, { read: byteOffset, write: byteOffset });
  const load = (): void => {
    processor.reset();
    processor.writePhysical(0, new Uint8Array(RAM_BYTES));
    startMultiboot(processor, image);
  };
  load();
  const warmUpEnd = performance.now() + WARM_UP_MS;
  const turn = (): void => {
    if (!running) return;
    const reason = processor.run(SLICE);
    if (!warm && (reason !== StopReason.Budget || performance.now() > warmUpEnd)) {
      warm = true;
      load();
      setImmediate(turn);
    } else if (reason === StopReason.Budget) setImmediate(turn);
    else if (reason === StopReason.Shutdown) ended(`triple fault: ${JSON.stringify(processor.tripleFault?.chain)}`);
    else ended('the guest halted');
  };
  setImmediate(turn);
  return {
    stop: () => {
      running = false;
    },
  };
}
