import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CrashReport } from '../../runtime/crash-report.ts';
import { CodedError, hasCode, toErrorRecord } from '../../runtime/errors.ts';
import type { DeadLetter } from '../../runtime/supervision/dead-letters.ts';

/** The largest is a dead letter with a block of 8 MB, in base64 and in readable text. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

const figure = z.number();
export const crashReportSchema: z.ZodType<CrashReport> = z.object({
  version: z.literal(1),
  time: z.string(),
  software: z.string(),
  actor: z.string(),
  incarnation: z.int(),
  reason: z.object({ code: z.string(), message: z.string(), data: z.record(z.string(), z.unknown()) }),
  stack: z.string(),
  lived_ms: figure,
  silent_ms: figure,
  cpu_s: figure,
  memory: z.object({
    heap_bytes: figure,
    heap_limit_bytes: figure,
    external_bytes: figure,
    process_rss_bytes: figure,
  }),
  blamed: z.string().nullable(),
  messages: z.array(z.object({ at: z.string(), from: z.string(), message: z.string(), inHand: z.boolean() })),
  decision: z.string(),
});

export const deadLetterSchema: z.ZodType<DeadLetter> = z.object({
  version: z.literal(1),
  id: z.string(),
  time: z.string(),
  actor: z.string(),
  from: z.string(),
  message: z.string(),
  deaths: z.array(z.object({ time: z.string(), code: z.string() })),
  body: z.string().nullable(),
  text: z.string().nullable(),
});

/** What lies in one file of a directory of records. */
export interface Filed<T> {
  /** File name without its extension. */
  readonly id: string;
  readonly path: string;
  readonly content: T;
}

interface Timed {
  readonly time: string;
}

const EXTENSION = '.json';

/** All records of a directory, newest first, and the errors of those that cannot be read. */
export function readRecords<T extends Timed>(
  directory: string,
  schema: z.ZodType<T>,
): { records: Filed<T>[]; broken: CodedError[] } {
  const records: Filed<T>[] = [];
  const broken: CodedError[] = [];
  for (const name of namesIn(directory)) {
    try {
      records.push(readRecord(directory, name, schema));
    } catch (error) {
      // Removed meanwhile: only the newest are kept.
      if (hasCode(error, 'REPORT_UNREADABLE')) broken.push(error as CodedError);
      else if (!hasCode(error, 'REPORT_MISSING')) throw error;
    }
  }
  const key = ({ id, content }: Filed<T>): string => `${content.time} ${id}`;
  return { records: records.sort((a, b) => (key(a) < key(b) ? 1 : -1)), broken };
}

/** One record. @param id file name, with or without `.json` @throws REPORT_MISSING, REPORT_UNREADABLE */
export function readRecord<T>(directory: string, id: string, schema: z.ZodType<T>): Filed<T> {
  const name = id.endsWith(EXTENSION) ? id.slice(0, -EXTENSION.length) : id;
  const path = join(directory, `${name}${EXTENSION}`);
  // A name only: nothing outside of the directory.
  if (!/^[\w.:+-]+$/.test(name)) throw missing(directory, id);
  try {
    if (statSync(path).size > MAX_RECORD_BYTES) throw new Error(`it is larger than ${MAX_RECORD_BYTES} bytes`);
    return { id: name, path, content: schema.parse(JSON.parse(readFileSync(path, 'utf8'))) };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw missing(directory, id);
    throw new CodedError('REPORT_UNREADABLE', `${path} is damaged or of another version: ${reasonOf(error)}`, { path });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(EXTENSION));
  } catch (error) {
    // Nothing has died yet.
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function missing(directory: string, id: string): CodedError {
  return new CodedError('REPORT_MISSING', `${directory} has no ${id}: leave it out for a list`, { directory, id });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return toErrorRecord(error).message;
  const { path, message } = error.issues[0]!;
  return `${path.join('.')}: ${message}`;
}
