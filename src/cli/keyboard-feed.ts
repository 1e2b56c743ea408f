/** Carries key events to the guest's keyboard, one after another, and lets nothing stay pressed. */
import type { Keyboard } from '../machine/api.ts';
import { CP437 } from '../display/cp437.ts';
import type { KeyEvent } from './terminal/key-input.ts';
import { strokeFor } from '../machine/us-layout.ts';

/** Events waiting for a guest that does not read its keyboard; more are dropped. */
const QUEUE_MAX = 512;

export class KeyboardFeed {
  readonly #keyboard: Keyboard;
  readonly #held = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(keyboard: Keyboard) {
    this.#keyboard = keyboard;
  }

  send(event: KeyEvent): void {
    switch (event.kind) {
      case 'press':
        this.press(...event.codes);
        break;
      case 'down':
        this.#held.add(event.code);
        this.#enqueue(() => this.#keyboard.down(event.code));
        break;
      case 'up':
        // Also when the queue is full: a key that went down must come up.
        if (this.#held.delete(event.code)) this.#enqueue(() => this.#keyboard.up(event.code), true);
        break;
      case 'character':
        this.#enter(event.character);
        break;
      case 'paste':
        this.#paste(event.text);
        break;
      case 'kitty':
        break;
    }
  }

  press(...codes: string[]): void {
    this.#enqueue(() => this.#keyboard.press(...codes));
  }

  releaseAll(): void {
    for (const code of this.#held) this.#enqueue(() => this.#keyboard.up(code), true);
    this.#held.clear();
  }

  /** A character of code page 437 that no key makes is entered as the BIOS takes it: Alt and its number on the keypad. */
  #enter(character: string): void {
    const code = CP437.lastIndexOf(character);
    if (code <= 0) return;
    this.#enqueue(async () => {
      await this.#keyboard.down('AltLeft');
      for (const digit of String(code)) await this.#keyboard.press(`Numpad${digit}`);
      await this.#keyboard.up('AltLeft');
    });
  }

  #paste(text: string): void {
    const typable = [...text].filter((character) => '\n\t'.includes(character) || strokeFor(character)).join('');
    if (typable !== '') this.#enqueue(() => this.#keyboard.type(typable));
  }

  #enqueue(send: () => Promise<unknown>, always = false): void {
    if (this.#waiting >= QUEUE_MAX && !always) return;
    this.#waiting++;
    // A machine that has just ended refuses keys; nobody is left to press them for.
    this.#last = this.#last
      .then(send)
      .catch(() => undefined)
      .finally(() => this.#waiting--);
  }
}
