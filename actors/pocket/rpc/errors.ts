/** Codes that this actor answers with; every HTTP error body is {code, message}. */
export const RPC_ERRORS = {
  BODY_NOT_JSON: 'The body is not valid JSON (400). Send one JSON object.',
  INVALID_REQUEST: 'The body or query has a wrong shape or value (400). The message names the field.',
  HEX_INVALID: 'A hex string is malformed (400).',
  BAD_HTTP: 'The bytes on the connection are not HTTP, or headers are too large (400, 431).',
  REQUEST_TIMEOUT: 'The request was not received in time (408).',
  ROUTE_NOT_FOUND: 'No such path or method (404). See /v1/openapi.json.',
  BLOCK_NOT_FOUND: 'No block is committed at this height yet, or this node began above it, with a snapshot (404).',
  PROOF_PRUNED:
    'The state of this height is not kept for proofs any more (410). The message names the oldest height that is.',
  TX_NOT_FOUND: 'No committed transaction has this hash (404).',
  ACTOR_NOT_FOUND: 'No validator with this address is staked at this height (404).',
  PAGE_NOT_FOUND: 'The page lies beyond the last one (404).',
  BODY_TOO_LARGE: 'The body exceeds the limit of the route (413). Send fewer transactions at once.',
  UNSUPPORTED_MEDIA_TYPE:
    'The content type is not application/json (415). Send the header content-type: application/json.',
  RPC_BUSY: 'Too many requests are in work (503). Repeat after the time in `retry-after`.',
  RPC_STOPPING: 'The node is stopping (503). Repeat after it is back, or ask another node.',
  BACKPRESSURE: 'The mempool takes no more for the moment, or is being restarted (503). Submit the same bytes again.',
  NOT_READY: 'The node answers but is not ready: it is syncing or a part of it is restarting (503).',
  ACTOR_RESTARTED: 'The part of the node that was asked is restarting (503). Repeat the request.',
  MAILBOX_FULL: 'The part of the node that was asked has too much work (503). Repeat the request.',
  DEAD_LETTER:
    'This very request killed a part of the node twice and is refused for ten minutes (422). Do not repeat it: report it.',
  DEADLINE_EXCEEDED: 'The part of the node that was asked did not answer in time (504). Repeat the request.',
  DATABASE_UNAVAILABLE: 'The database is down or not yet installed (503). The API recovers with it.',
  QUERY_TIMEOUT: 'The query ran longer than rpc.statement_timeout_ms (504). Ask for less.',
  INTERNAL_ERROR: 'A defect of the node (500). Its log has the details.',
} as const;

type RpcErrorCode = keyof typeof RPC_ERRORS;

const STATUS: Readonly<Record<RpcErrorCode, number>> = {
  BODY_NOT_JSON: 400,
  INVALID_REQUEST: 400,
  HEX_INVALID: 400,
  BAD_HTTP: 400,
  REQUEST_TIMEOUT: 408,
  ROUTE_NOT_FOUND: 404,
  BLOCK_NOT_FOUND: 404,
  PROOF_PRUNED: 410,
  TX_NOT_FOUND: 404,
  ACTOR_NOT_FOUND: 404,
  PAGE_NOT_FOUND: 404,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RPC_BUSY: 503,
  RPC_STOPPING: 503,
  BACKPRESSURE: 503,
  NOT_READY: 503,
  ACTOR_RESTARTED: 503,
  MAILBOX_FULL: 503,
  DEAD_LETTER: 422,
  DEADLINE_EXCEEDED: 504,
  DATABASE_UNAVAILABLE: 503,
  QUERY_TIMEOUT: 504,
  INTERNAL_ERROR: 500,
};

/** The HTTP status of a code; 500 for a code that is not of this list. */
export function statusOf(code: string): number {
  return (STATUS as Readonly<Record<string, number>>)[code] ?? 500;
}
