/** One message that a validator of the observer took from the wire: a line of the observer's file. */
export interface RecordLine {
  /** ISO time. */
  readonly time: string;
  /** Number of the validator that heard it. */
  readonly heard_by: number;
  /** Address that the stream's certificate proves, hex: who sent it. */
  readonly sender: string;
  readonly type: number;
  /** Of 64 bits, hence a text. */
  readonly height: string;
  readonly round: number;
  readonly step: number;
  readonly block_hash: string;
  readonly justify_hash: string;
  readonly signature: string;
  /** All of the message, base64: what the fields above are read from, and what is judged. */
  readonly message: string;
}

/** The last line of a validator of the observer: what it has not seen although it arrived. */
export interface EndLine {
  readonly end: true;
  readonly heard_by: number;
  readonly recorded: number;
  /** Messages that its p2p refused for their number. */
  readonly dropped: number;
}

export type Line = RecordLine | EndLine;
