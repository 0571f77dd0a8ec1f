import type { Fault } from './child-spec.ts';
import { CodedError } from './errors.ts';

/** Memory taken at a time, and how often: the limit of a gigabyte is reached within a second or two. */
const GULP_bytes = 32 << 20;
const GULP_ms = 20;

/** Exit code of a thread that was told to exit: not 0, which would be an orderly end. */
const EXIT_CODE = 7;

/** Has this thread die in the given way, in a turn of the event loop of its own. It is the real thing. */
export function commit(fault: Exclude<Fault, 'terminate'>): void {
  setImmediate(DEEDS[fault]);
}

const DEEDS: Readonly<Record<Exclude<Fault, 'terminate'>, () => void>> = {
  throw: () => {
    throw injected('throw');
  },
  reject: () => {
    void Promise.reject(injected('reject'));
  },
  loop: () => {
    for (;;);
  },
  memory: () => {
    const hoard: Uint8Array[] = [];
    setInterval(() => hoard.push(new Uint8Array(GULP_bytes).fill(1)), GULP_ms);
  },
  exit: () => process.exit(EXIT_CODE),
};

function injected(fault: string): CodedError {
  return new CodedError('FAULT_INJECTED', `an operator asked for this death (${fault})`, { fault });
}
