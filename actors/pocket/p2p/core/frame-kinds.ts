/** Opens a consensus stream, and renews its certificate later on. */
export const FRAME_HELLO = 1;
/** The answer to a hello, in the other direction of the stream. */
export const FRAME_VERDICT = 2;
/** A list of consensus messages. */
export const FRAME_MESSAGES = 3;
/** The one frame of each direction of a sync stream. */
export const FRAME_SYNC = 4;
