/** Giving the host's event loop a turn, and sleeping until something happens; the same in Node and in a page. */

interface Immediate {
  setImmediate?(callback: () => void): unknown;
}

/** Resolves after messages and timers that are due have been handled. Unlike a zero timer it is not slowed down by the host. */
export function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as Immediate;
  if (setImmediate) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
}

/** A sleep that can be cut short. */
export class Sleeper {
  #wake: (() => void) | undefined;
  #woken = false;

  /** Sleeps for about `milliseconds` (`Infinity`: until woken). A `wake` since the last sleep ends it at once. */
  async sleep(milliseconds: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    } else {
      await nextTurn();
    }
    this.#wake = undefined;
    this.#woken = false;
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }
}
