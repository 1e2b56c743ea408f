/** Reports for people: why the machine ended, and the registers behind a triple fault. */
import type { RegisterState, SegmentState } from '../../cpu/processor.ts';
import type { MachineEnd, MachineEventData } from '../machine/events.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';

const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).toUpperCase().padStart(digits, '0');

/** Exceptions by vector (Intel SDM volume 3, table 6-1). */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: '#DE divide error',
  1: '#DB debug',
  2: 'NMI',
  3: '#BP breakpoint',
  4: '#OF overflow',
  5: '#BR bound range',
  6: '#UD invalid opcode',
  7: '#NM device not available',
  8: '#DF double fault',
  10: '#TS invalid TSS',
  11: '#NP segment not present',
  12: '#SS stack segment',
  13: '#GP general protection',
  14: '#PF page fault',
  16: '#MF x87',
  17: '#AC alignment check',
  18: '#MC machine check',
  19: '#XM SIMD',
};

function exceptionName(vector: number): string {
  return EXCEPTIONS[vector] ?? `interrupt ${hex(vector, 2)}h`;
}

const segmentLine = (name: string, segment: SegmentState): string =>
  `${name.padEnd(4)} ${hex(segment.selector, 4)}  base ${hex(segment.base)}  limit ${hex(segment.limit)}  attributes ${hex(segment.attributes, 4)}`;

/** Registers as a block of lines. */
function formatRegisters(r: RegisterState): string {
  const pairs = (...names: (keyof RegisterState)[]): string =>
    names.map((name) => `${name.toUpperCase().padEnd(6)} ${hex(r[name] as number)}`).join('  ');
  return [
    pairs('eax', 'ebx', 'ecx', 'edx'),
    pairs('esi', 'edi', 'ebp', 'esp'),
    pairs('eip', 'eflags'),
    ...(['cs', 'ds', 'es', 'ss', 'fs', 'gs', 'ldtr', 'tr'] as const).map((name) =>
      segmentLine(name.toUpperCase(), r[name]),
    ),
    `GDTR base ${hex(r.gdtr.base)}  limit ${hex(r.gdtr.limit, 4)}   IDTR base ${hex(r.idtr.base)}  limit ${hex(r.idtr.limit, 4)}`,
    `${pairs('cr0', 'cr2', 'cr3', 'cr4')}  CPL ${r.cpl}`,
  ].join('\n');
}

export function formatTripleFault({ chain, registers }: MachineEventData<'vm.tripleFault'>): string {
  const faults = chain.map(({ vector, errorCode }) =>
    errorCode === undefined ? exceptionName(vector) : `${exceptionName(vector)} (error code ${hex(errorCode, 4)})`,
  );
  return `Triple fault: ${faults.join(', then ')}.\n${formatRegisters(registers)}`;
}

/** One sentence on how the run ended. */
export function formatEnd(end: MachineEnd): string {
  switch (end.reason) {
    case 'guest':
      return 'The guest powered off.';
    case 'host':
      return end.saved ? 'The machine was saved.' : 'The machine was turned off.';
    case 'tripleFault':
      return 'The machine stopped at a triple fault.';
    case 'debugExit':
      return `The guest ended the machine with code ${end.code ?? 0}.`;
    case 'disk':
      return `The machine stopped because of a disk: ${end.message ?? 'unknown error'}`;
    case 'crash':
      return `The emulator failed: ${end.message ?? 'unknown error'}`;
  }
}

/** What to tell about an error: its message and its code; the stack only where the emulator itself is at fault. */
export function formatError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Errors of the host begin with their code already.
  const code = 'code' in error && !error.message.startsWith(String(error.code)) ? ` [${String(error.code)}]` : '';
  const fault = error instanceof VirtualServerError && error.code === ErrorCode.Crashed ? `\n${error.stack ?? ''}` : '';
  return `${error.message}${code}${fault}`;
}
