import { z } from 'zod';

/** The signer's part of the node's configuration. */
export const signerConfigSchema = z.strictObject({
  /** File of the validator key. */
  keyFile: z.string().min(1).describe('File of the validator key; mode 0600 or 0400'),
  recordFile: z
    .string()
    .min(1)
    .describe('File of the safety record; keep it with the key, never copy it to a second node, never delete it'),
  networkId: z.string().min(1).max(64).describe('Network the key signs for; the record is bound to it'),
});
export type SignerConfig = z.infer<typeof signerConfigSchema>;
