import type { Settings } from '../../actors/pocket/consensus/core/state.ts';

/** What the network and the actors do to messages; probabilities from 0 to 1. */
export interface Weather {
  loss: number;
  duplication: number;
  /** How likely a message takes up to a second more, and all that follow it on that way wait for it. */
  lateness: number;
  /** How likely a message overtakes those sent before it. */
  reordering: number;
  /** How likely an actor answers with an unexpected error. */
  trouble: number;
}

export const CALM: Weather = { loss: 0, duplication: 0, lateness: 0, reordering: 0, trouble: 0 };

export type WorldSettings = Omit<Settings, 'networkId' | 'self' | 'validators'>;

export const SETTINGS: WorldSettings = {
  blockInterval_ms: 500,
  emptyBlockInterval_ms: 1_000,
  maxBlockBytes: 100_000,
  timeout_ms: 2_000,
  timeoutCap_ms: 60_000,
  resend_ms: 500,
  maxClockDrift_ms: 5_000,
  election: 'round_robin',
  snapshotThreshold_blocks: 0,
};
