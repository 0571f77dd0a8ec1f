import { defineProtocol } from '../../../runtime/protocol.ts';

/** Metrics of all threads over HTTP. It asks every actor's built-in `metrics`; no actor sends to it. */
export const telemetryProtocol = defineProtocol('telemetry', {});
export type TelemetryProtocol = typeof telemetryProtocol;
