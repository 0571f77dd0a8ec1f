import { multiaddr } from '@multiformats/multiaddr';
import { z } from 'zod';

const address = z.string().refine(isMultiaddr, {
  error: (issue) => `"${String(issue.input)}" is not a multiaddr; write for example /ip4/203.0.113.7/tcp/42069`,
});

/** The p2p part of the node's configuration. */
export const p2pConfigSchema = z.strictObject({
  listen: z
    .array(address)
    .max(16)
    .default(['/ip4/127.0.0.1/tcp/42069'])
    .describe(
      'Addresses to listen on; port 0 takes a free one. Validators on several machines write /ip4/0.0.0.0/tcp/42069',
    ),
  announce: z
    .array(address)
    .max(16)
    .default([])
    .describe('Addresses that peers are told instead of the ones listened on, for a node behind a proxy or NAT'),
  peers: z
    .array(address)
    .max(1_000)
    .default([])
    .describe(
      'Addresses of the other validators, dialled for as long as the node runs; /p2p/<peer id> at the end pins the peer',
    ),
  key_file: z.string().min(1).describe('File of the node key (not the validator key); made on first start, mode 0600'),
  max_connections: z.int().min(8).max(10_000).default(256).describe('Connections in all; more are refused'),
  max_observers: z
    .int()
    .min(0)
    .max(10_000)
    .default(32)
    .describe('Peers that are no validators that may follow this node; more are refused'),
  certificate_ttl_ms: z
    .int()
    .min(60_000)
    .max(7 * 86_400_000)
    .default(3_600_000)
    .describe('Life of the certificates that prove the key of this node to its peers; renewed at two thirds of it'),
});
export type P2pConfig = z.infer<typeof p2pConfigSchema>;

/** What the actor is started with. */
export interface P2pStart {
  p2p: P2pConfig;
  /** Text of the genesis file. */
  genesis: string;
}

function isMultiaddr(text: string): boolean {
  try {
    multiaddr(text);
    return true;
  } catch {
    return false;
  }
}
