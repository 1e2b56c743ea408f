/** Waiting for text that arrives bit by bit. */
import type { WaitOptions } from './api.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

export interface TextSource {
  /** What is there now. */
  text(): string;
  /** Calls `changed` whenever there is other text, and `ended` when there will be no more. */
  subscribe(changed: () => void, ended: () => void): Disposable;
  /** For messages: `the screen`, `COM1`. */
  readonly name: string;
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** Longest delay of a timer. */
const MAX_TIMER_MS = 0x7fffffff;

function find(text: string, wanted: string | RegExp): string | undefined {
  if (typeof wanted === 'string') return text.includes(wanted) ? wanted : undefined;
  // Not `exec` on the caller's object: a global expression remembers where it stopped.
  return new RegExp(wanted.source, wanted.flags.replaceAll(/[gy]/g, '')).exec(text)?.[0];
}

/**
 * Resolves with what matched.
 * @throws VirtualServerError `VS_TIMEOUT` with the text in its message, or `VS_ABORTED`
 */
export function waitForText(source: TextSource, wanted: string | RegExp, options: WaitOptions = {}): Promise<string> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const shown = typeof wanted === 'string' ? JSON.stringify(wanted) : String(wanted);
  return new Promise((resolve, reject) => {
    let settled = false;
    const subscriptions: Disposable[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const finish = (act: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      act();
    };
    const fail = (code: ErrorCode, why: string): void =>
      finish(() => {
        const text = source.text().trimEnd();
        reject(new VirtualServerError(code, `${why} ${shown} on ${source.name}${text === '' ? '' : `:\n${text}`}`));
      });
    const aborted = (): void => fail(ErrorCode.Aborted, 'gave up waiting for');
    const check = (): void => {
      const found = find(source.text(), wanted);
      if (found !== undefined) finish(() => resolve(found));
    };
    if (signal?.aborted) {
      aborted();
      return;
    }
    signal?.addEventListener('abort', aborted);
    if (timeoutMs <= MAX_TIMER_MS)
      timer = setTimeout(() => fail(ErrorCode.Timeout, `waited ${timeoutMs} ms in vain for`), timeoutMs);
    const subscription = source.subscribe(check, () => {
      check();
      fail(ErrorCode.Aborted, 'the machine ended before there was');
    });
    subscriptions.push(subscription);
    check();
    // Settled while subscribing: `finish` did not know the subscription yet.
    if (settled) subscription[Symbol.dispose]();
  });
}
