/** Codes of the telemetry server; every HTTP error body is {code, message}. */
export const TELEMETRY_ERRORS = {
  ROUTE_NOT_FOUND: 'No such path (404): there are /metrics and /health.',
  METHOD_NOT_ALLOWED: 'Only GET and HEAD are answered (405).',
  METRICS_UNAVAILABLE: 'The metrics could not be collected (503). The log has the reason.',
} as const;
