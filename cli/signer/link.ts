import { loadNodeKey } from '../../net/node-key.ts';
import { systemRandom } from '../../runtime/random.ts';

/** The peer id by which this home is known at the other end of a signer's connection; its key is made on first use. */
export async function linkPeerId(file: string): Promise<string> {
  const { publicKey } = await loadNodeKey(file, systemRandom, 'signer.remote_key_file');
  return publicKey.toString();
}
