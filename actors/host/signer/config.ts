import { multiaddr } from '@multiformats/multiaddr';
import { z } from 'zod';
import type { Validator } from '../../pocket/chain/validators.ts';

/** Section `signer` of the node's configuration. */
export const signerConfigSchema = z.strictObject({
  key_file: z.string().min(1).describe('File of the validator key; mode 0600 or 0400'),
  record_file: z
    .string()
    .min(1)
    .describe('File of the safety record; keep it with the key, never copy it to a second node, never delete it'),
  remote: z
    .string()
    .refine((text) => text === '' || isRemote(text), {
      error: (issue) =>
        `"${String(issue.input)}" does not say who the signer is; write for example /ip4/10.0.0.2/tcp/26659/p2p/<peer id>, as \`potoroo signer serve\` prints it`,
    })
    .default('')
    .describe(
      'Address of the signer where it is a process of its own, with its peer id; empty: this node signs by itself. With it, key_file and record_file are not used',
    ),
  remote_key_file: z
    .string()
    .min(1)
    .describe(
      'Key by which the node and a remote signer know this end of their connection; not the validator key, not the node key. Made on first use, mode 0600',
    ),
});
type SignerConfig = z.infer<typeof signerConfigSchema>;

/** What the actor is started with. */
export interface SignerStart {
  /** Paths are absolute here. */
  signer: SignerConfig;
  /** Network that the key signs for; the record is bound to it. */
  networkId: string;
  /** Whose signatures make a QC of that network. */
  validators: readonly Validator[];
  /** Of the key file, where it is encrypted. */
  password?: string;
}

/** An address over TCP that ends with the peer id: without one anybody could answer as the signer. */
function isRemote(text: string): boolean {
  try {
    const names = multiaddr(text)
      .getComponents()
      .map(({ name }) => name);
    return names.includes('tcp') && names.at(-1) === 'p2p';
  } catch {
    return false;
  }
}
