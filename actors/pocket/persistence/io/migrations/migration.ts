/** One step of the schema. A step that was released never changes: its checksum is in the database. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
  /** Statements, run once in one transaction with the schema first in the search path. */
  readonly sql: string;
}
