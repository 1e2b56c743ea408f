/** Frames over a WebSocket, one in each binary message; for pages, and Node from version 22 on. */
import type { WebSocketConnection } from './configuration.ts';
import type { Transport, TransportEvents } from './networks.ts';

/** Bytes that wait to be sent; more frames are lost. */
const BACKLOG_LIMIT = 4 << 20;
const RECONNECT_MS = 2000;

export function openWebSocket({ url }: WebSocketConnection, events: TransportEvents): Transport {
  let closed = false;
  let told = false;
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const dial = (): void => {
    const own = new WebSocket(url);
    own.binaryType = 'arraybuffer';
    own.addEventListener('open', () => (told = false));
    own.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) events.receive(new Uint8Array(data));
    });
    own.addEventListener('close', () => {
      if (closed) return;
      if (!told) events.problem(`${url}: the connection is lost`);
      told = true;
      timer = setTimeout(dial, RECONNECT_MS);
    });
    socket = own;
  };
  dial();
  return {
    send: (frame) => {
      if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < BACKLOG_LIMIT) socket.send(frame.slice());
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}
