import { defineProtocol } from '../../../runtime/protocol.ts';

/** The HTTP API. It is talked to over HTTP only; no actor sends to it. */
export const rpcProtocol = defineProtocol('rpc', {});
export type RpcProtocol = typeof rpcProtocol;
