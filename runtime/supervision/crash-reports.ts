import { type RecordedMessage, readBlamed, readFigures, readMessages } from '../black-box.ts';
import type { DeclaredActor } from '../control.ts';
import type { CrashReport } from '../crash-report.ts';
import { fileTime, KeptFiles } from '../kept-files.ts';
import { OP } from '../wire.ts';
import type { Child } from './child.ts';
import type { Killing } from './dead-letters.ts';
import type { ActorThread, Death } from './thread.ts';

/** Reports kept: months of ordinary trouble, some MB at most. */
const MAX_FILES = 200;

/** What is known besides the life itself. */
interface Circumstances {
  /** Everybody in the node, as the thread was given them. */
  readonly names: readonly string[];
  readonly now_ms: number;
  readonly software: string;
  /** What the supervisor does about it, in words. */
  readonly decision: string;
}

/** Reads what a dead thread has left behind: the report, and the request to blame, if one is. */
export function autopsy(
  child: Child,
  { thread, death }: { thread: ActorThread; death: Death },
  { names, now_ms, software, decision }: Circumstances,
): { report: CrashReport; killing: Killing | null } {
  const figures = readFigures(thread.box);
  const blamed = readBlamed(thread.box, names, death.unforeseen);
  const blamedName = blamed === null ? '' : messageName(blamed, child.declared);
  const { code, message, data } = death.reason;
  const actor = child.spec.name;
  const report: CrashReport = {
    version: 1,
    time: new Date(now_ms).toISOString(),
    software,
    actor,
    incarnation: child.incarnation,
    reason: { code, message, data },
    stack: death.stack,
    lived_ms: now_ms - child.born_ms,
    silent_ms: figures.beats > 0 ? Math.max(0, now_ms - figures.beat_ms) : 0,
    cpu_s: figures.cpu_s,
    memory: {
      heap_bytes: figures.heap_bytes,
      heap_limit_bytes: figures.heapLimit_bytes,
      external_bytes: figures.external_bytes,
      process_rss_bytes: process.memoryUsage.rss(),
    },
    blamed: blamed === null ? null : `${blamedName} from ${blamed.from}`,
    messages: readMessages(thread.box, names).map((one) => ({
      at: new Date(one.at_ms).toISOString(),
      from: one.from,
      message: messageName(one, child.declared),
      inHand: one.inHand,
    })),
    decision,
  };
  const isKnown = blamed !== null && blamed.fingerprint !== 0;
  const killing = isKnown
    ? { actor, from: blamed.from, message: blamedName, fingerprint: blamed.fingerprint, code }
    : null;
  return { report, killing };
}

/** The crash reports of a node. */
export class CrashReports {
  readonly #files: KeptFiles | null;

  /** @param directory where they are kept; null: nowhere */
  constructor(directory: string | null) {
    this.#files = directory === null ? null : new KeptFiles(directory, MAX_FILES);
  }

  /** Writes a report; returns its file name, or null if reports are not kept. @throws what the file system says */
  write(report: CrashReport): string | null {
    if (this.#files === null) return null;
    const name = `${fileTime(Date.parse(report.time))}-${report.actor}-${report.incarnation}.json`;
    this.#files.write(name, report);
    return name;
  }
}

function messageName({ op, type, from }: RecordedMessage, { vocabulary }: DeclaredActor): string {
  if (op === OP.observe) return 'ask observe';
  if (op === OP.event) return `event ${vocabulary.event[from]?.[type] ?? type}`;
  const [kind, names] = op === OP.ask ? ['ask', vocabulary.ask] : ['tell', vocabulary.tell];
  return `${kind} ${names[type] ?? type}`;
}
