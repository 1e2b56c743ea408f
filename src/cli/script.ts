/** Steps a command line gives for the machine to be driven by: wait for text, type, pause, take pictures. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VirtualMachine } from '../machine/api.ts';

export type Step =
  /** Waits until the screen or the first serial port shows the text. */
  | { readonly kind: 'expect'; readonly pattern: string | RegExp }
  | { readonly kind: 'type'; readonly text: string }
  /** Keys pressed together. */
  | { readonly kind: 'press'; readonly codes: readonly string[] }
  /** Sends text to the first serial port. */
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'screenshot'; readonly path: string }
  /** Saves the machine where its state belongs, which ends it. */
  | { readonly kind: 'save' };

export interface StepOptions {
  /** Limit of each `expect`, in seconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Where the machine's state belongs. */
  readonly statePath?: string | undefined;
}

/** @throws VirtualServerError `VS_TIMEOUT` when an expected text does not appear, `VS_ABORTED` when the machine ends first. */
export async function runStep(
  vm: VirtualMachine,
  step: Step,
  { timeout, signal, statePath }: StepOptions,
): Promise<void> {
  switch (step.kind) {
    case 'expect':
      return expectText(vm, step.pattern, timeout * 1000, signal);
    case 'type':
      return vm.keyboard.type(step.text);
    case 'press':
      return vm.keyboard.press(...step.codes);
    case 'send':
      return vm.serial[0]?.write(step.text.replaceAll('\n', '\r'));
    case 'wait':
      return sleep(step.seconds * 1000, undefined, { signal });
    case 'screenshot':
      return writeFile(step.path, await vm.screenshot());
    case 'save':
      await vm.save(statePath);
  }
}

/** The first of screen and serial port to show the text ends both waits. */
async function expectText(
  vm: VirtualMachine,
  text: string | RegExp,
  timeoutMs: number,
  outer: AbortSignal,
): Promise<void> {
  const other = new AbortController();
  const options = { timeoutMs, signal: AbortSignal.any([outer, other.signal]) };
  const waits = [vm.screen.waitForText(text, options)];
  const [port] = vm.serial;
  if (port) waits.push(port.waitForText(text, options));
  try {
    await Promise.any(waits);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    other.abort();
    await Promise.allSettled(waits);
  }
}
