import { z } from 'zod';
import type { Validator } from '../../pocket/chain/validators.ts';

/** Section `signer` of the node's configuration. */
export const signerConfigSchema = z.strictObject({
  key_file: z.string().min(1).describe('File of the validator key; mode 0600 or 0400'),
  record_file: z
    .string()
    .min(1)
    .describe('File of the safety record; keep it with the key, never copy it to a second node, never delete it'),
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
