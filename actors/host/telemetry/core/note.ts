import { z } from 'zod';

const count = z.number().min(0);
const position = z.int().min(0);

/**
 * What telemetry leaves for its next life. Tables and rows, because names repeat thousands of times: a row is the
 * position of the actor, that of the metric, what else names the series, the count of former lives, that of the present.
 */
export const noteSchema = z.strictObject({
  version: z.literal(1),
  actors: z.array(z.tuple([z.string(), z.int().min(1)])),
  metrics: z.array(z.string()),
  rows: z.array(z.tuple([position, position, z.string(), count, count])),
});

export type Note = z.infer<typeof noteSchema>;

/** An encoded note, and how many rows had no room in it. */
interface Fitted {
  readonly bytes: Uint8Array;
  readonly missing: number;
}

/** Encodes as much of a note as the limit allows, in the order of its rows. */
export function fitted(note: Note, limit_bytes: number, encode: (note: Note) => Uint8Array): Fitted {
  for (let rows = note.rows; ; ) {
    const bytes = encode({ ...note, rows });
    if (bytes.length <= limit_bytes || rows.length === 0) return { bytes, missing: note.rows.length - rows.length };
    // Rows are of different lengths: a little less than the average allows is tried until it fits.
    rows = rows.slice(0, Math.floor((rows.length * limit_bytes * 0.95) / bytes.length));
  }
}
