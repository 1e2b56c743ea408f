/**
 * Delivery of exceptions and interrupts, with the rules for faults during delivery (Intel SDM volume 3, section 6.15, #DF).
 */
import { GeneralDetectFault } from '../debug/index.ts';
import type { Core } from '../helpers.ts';
import type { TripleFaultReport } from '../processor.ts';
import { CpuFault, EFLAGS, VECTOR } from '../state.ts';
import { reportExternally } from '../x87/errors.ts';
import { deliverEvent, type InterruptEvent } from './interrupt.ts';

export { deliverEvent, type InterruptEvent } from './interrupt.ts';

export type FaultChain = TripleFaultReport['chain'];
export type InterruptSource = 'external' | 'software' | 'int3' | 'into' | 'int1';

const CONTRIBUTORY: ReadonlySet<number> = new Set([VECTOR.DE, VECTOR.TS, VECTOR.NP, VECTOR.SS, VECTOR.GP]);

/** Traps and aborts among the vectors below 32: the image pushed for them keeps RF as it is. */
const NOT_FAULTS: ReadonlySet<number> = new Set([VECTOR.DB, VECTOR.NMI, VECTOR.BP, VECTOR.OF, VECTOR.DF]);

/**
 * Faults in a row after which the processor shuts down. Benign ones do not combine, so that #AC while #AC is delivered to a
 * misaligned ring-3 stack would go on for ever, as it does in hardware.
 */
const CHAIN_LIMIT = 16;

function exceptionEvent(core: Core, fault: CpuFault): InterruptEvent {
  const restart = !NOT_FAULTS.has(fault.vector) || fault instanceof GeneralDetectFault;
  return {
    vector: fault.vector,
    errorCode: fault.errorCode,
    software: false,
    interruptN: false,
    returnEip: core.state.eip,
    flags: restart ? EFLAGS.RF : 0,
  };
}

/** True if `second`, raised while `first` was being delivered, turns into a double fault. */
function doubles(first: number, second: number): boolean {
  if (CONTRIBUTORY.has(first)) return CONTRIBUTORY.has(second);
  return first === VECTOR.PF && (second === VECTOR.PF || CONTRIBUTORY.has(second));
}

/** Delivers `event`; faults on the way are delivered in its place. Answers the chain of faults if it ends in shutdown. */
function deliver(core: Core, event: InterruptEvent, exception: boolean): FaultChain | undefined {
  const chain: FaultChain = [];
  // Interrupts never combine with what follows them to a double fault, whatever their vector.
  let combining = exception ? event.vector : -1;
  for (;;) {
    if (exception) chain.push({ vector: event.vector, errorCode: event.errorCode });
    try {
      deliverEvent(core, event);
      return undefined;
    } catch (error) {
      if (!(error instanceof CpuFault)) throw error;
      if (combining === VECTOR.DF || chain.length >= CHAIN_LIMIT) {
        chain.push({ vector: error.vector, errorCode: error.errorCode });
        return chain;
      }
      exception = true;
      if (doubles(combining, error.vector)) {
        chain.push({ vector: error.vector, errorCode: error.errorCode });
        error = new CpuFault(VECTOR.DF, 0);
      }
      const fault = error as CpuFault;
      combining = fault.vector;
      event = exceptionEvent(core, fault);
    }
  }
}

/**
 * Delivers an exception of the instruction at `state.eip` (a fault) or before it (a trap). CR2 is set already for #PF.
 * Answers undefined, or the chain of faults when it ended in a triple fault; the processor then is as before the last attempt.
 */
export function deliverException(core: Core, fault: CpuFault): FaultChain | undefined {
  // With CR0.NE = 0 an x87 error goes out on FERR# and comes back as an interrupt.
  if (fault.vector === VECTOR.MF && reportExternally(core)) return undefined;
  return deliver(core, exceptionEvent(core, fault), true);
}

/** The event of an interrupt; instructions return behind themselves, external interrupts to `state.eip`. */
export function interruptEvent(core: Core, vector: number, source: InterruptSource): InterruptEvent {
  return {
    vector,
    errorCode: undefined,
    software: source === 'software' || source === 'int3' || source === 'into',
    interruptN: source === 'software',
    returnEip: source === 'external' ? core.state.eip : core.nextEip,
    flags: 0,
  };
}

/** Delivers an interrupt; as `deliverException`. */
export function deliverInterrupt(core: Core, vector: number, source: InterruptSource): FaultChain | undefined {
  return deliver(core, interruptEvent(core, vector, source), false);
}

/** Delivers an NMI. The caller blocks further ones until IRET (`Core.unblockNmi`). */
export function deliverNmi(core: Core): FaultChain | undefined {
  return deliverInterrupt(core, VECTOR.NMI, 'external');
}
