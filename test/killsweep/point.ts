/** What of a victim's life a point is in: the files of its validator, or the threads that hand a signature on. */
export type Target =
  | 'record'
  | 'record.new'
  | 'record.lock'
  | 'record.folder'
  | 'journal'
  | 'signer'
  | 'consensus'
  | 'p2p';

/** Calls that are counted: those of node:fs, and what threads and sockets are handed. */
export type Call =
  | 'openSync'
  | 'readSync'
  | 'writeSync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'ftruncateSync'
  | 'renameSync'
  | 'linkSync'
  | 'writeFileSync'
  | 'postMessage'
  | 'socketWrite';

/** `torn`: after a part of the bytes. */
export type Moment = 'before' | 'torn' | 'after';

/**
 * What the machine does to bytes that were not synced. `none`: it stays up, only the process dies. `lost`: all are gone.
 * `scattered`: some sectors are on the disk, some are not.
 */
export type Power = 'none' | 'lost' | 'scattered';

/** Where the victim dies: at the nth such call after the point is armed. */
export interface Point {
  /** Counts from 1; a new one begins a new count. */
  readonly id: number;
  /** `start`: armed before the victim starts. `voting`: armed once it has voted at another height than before. */
  readonly phase: 'start' | 'voting';
  readonly target: Target;
  readonly call: Call;
  readonly moment: Moment;
  readonly nth: number;
  readonly power: Power;
  /** How much of a torn write is done, and the seed of what power loss leaves: from 0 to 1. */
  readonly part: number;
}

/** Environment variable with the directory that victim and sweep share. */
export const KILL_POINT = 'POTOROO_KILL_POINT';
/** Environment variable with the home of the victim. */
export const KILL_HOME = 'POTOROO_KILL_HOME';

/** The files in that directory. */
export const POINT_FILES = {
  /** The point that is armed, JSON; absent: none. */
  armed: 'armed.json',
  /** Written by the victim as the last thing that it does: the id of its point. */
  died: 'died',
  /** What the record held where it was written since it was last synced, a JSON line for each write. */
  undo: 'undo.jsonl',
  /** Exists: syncs of the record are skipped, and its owner is told that they were done. */
  lying: 'lying',
} as const;

/** A line of the undo file. */
export interface Overwritten {
  readonly position: number;
  /** Base64. */
  readonly old: string;
}
