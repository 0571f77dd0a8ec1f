import type { MessagePort } from 'node:worker_threads';

/** A way for frames between two actors, whatever carries them. */
export interface Channel {
  /** Gives a frame away; its buffer must not be touched afterwards. Silent if the other end is gone. */
  post(frame: Uint8Array<ArrayBuffer>): void;
  /** Sets who receives. Frames that came before are delivered first. */
  open(onFrame: (frame: Uint8Array) => void, onClose: () => void): void;
  close(): void;
}

/** A channel over a direct MessagePort between two threads. */
export function portChannel(port: MessagePort): Channel {
  return {
    post(frame) {
      port.postMessage(frame, [frame.buffer]);
    },
    open(onFrame, onClose) {
      port.on('message', onFrame);
      port.on('close', onClose);
    },
    close() {
      port.close();
    },
  };
}

/** A pair of channels inside one thread; `schedule` decides when a posted frame arrives. */
export function memoryChannels(schedule: (task: () => void) => void): [Channel, Channel] {
  interface End {
    onFrame?: (frame: Uint8Array) => void;
    onClose?: () => void;
    early: Uint8Array[];
  }
  const ends: [End, End] = [{ early: [] }, { early: [] }];
  let closed = false;
  const make = (own: End, other: End): Channel => ({
    post(frame) {
      schedule(() => {
        if (closed) return;
        if (other.onFrame) other.onFrame(frame);
        else other.early.push(frame);
      });
    },
    open(onFrame, onClose) {
      own.onFrame = onFrame;
      own.onClose = onClose;
      for (const frame of own.early.splice(0)) onFrame(frame);
    },
    close() {
      if (closed) return;
      closed = true;
      for (const end of ends) if (end.onClose) schedule(end.onClose);
    },
  });
  return [make(ends[0], ends[1]), make(ends[1], ends[0])];
}
