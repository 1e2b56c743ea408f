/** `Keyboard` and `Mouse` on the host's side. */
import type { Keyboard, Mouse } from './api.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { KeyEvent } from './inputs.ts';
import type { Operation, Operations } from './protocol.ts';
import { strokeFor } from './us-layout.ts';

export type Ask = <O extends Operation>(operation: O, argument: Operations[O][0]) => Promise<Operations[O][1]>;

const SHIFT = 'ShiftLeft';

/** @throws VirtualServerError `VS_INVALID_CONFIGURATION` for a character that no key makes */
function keysFor(text: string): KeyEvent[] {
  const events: KeyEvent[] = [];
  let shifted = false;
  const shift = (down: boolean): void => {
    if (down !== shifted) events.push({ code: SHIFT, down });
    shifted = down;
  };
  for (const character of text.replaceAll('\r\n', '\n')) {
    const stroke = strokeFor(character);
    if (!stroke)
      throw new VirtualServerError(
        ErrorCode.InvalidConfiguration,
        `the US keyboard has no key for ${JSON.stringify(character)}`,
        { subject: character },
      );
    shift(stroke.shift);
    events.push({ code: stroke.code, down: true }, { code: stroke.code, down: false });
  }
  shift(false);
  return events;
}

export class HostKeyboard implements Keyboard {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async type(text: string): Promise<void> {
    await this.#ask('keys', keysFor(text));
  }

  press(...codes: string[]): Promise<void> {
    const down = codes.map((code) => ({ code, down: true }));
    const up = codes.map((code) => ({ code, down: false })).reverse();
    return this.#ask('keys', [...down, ...up]);
  }

  down(code: string): Promise<void> {
    return this.#ask('keys', [{ code, down: true }]);
  }

  up(code: string): Promise<void> {
    return this.#ask('keys', [{ code, down: false }]);
  }

  scancodes(bytes: readonly number[] | Uint8Array): Promise<void> {
    return this.#ask('scancodes', Uint8Array.from(bytes));
  }
}

const LEFT = 1;
const RIGHT = 2;
const MIDDLE = 4;

export function hostMouse(ask: Ask): Mouse {
  return {
    move: (dx, dy, wheel = 0) => ask('moveMouse', { dx: Math.trunc(dx), dy: Math.trunc(dy), wheel: Math.trunc(wheel) }),
    buttons: ({ left, right, middle }) =>
      ask('mouseButtons', (left ? LEFT : 0) | (right ? RIGHT : 0) | (middle ? MIDDLE : 0)),
  };
}
