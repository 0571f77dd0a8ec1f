import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { z } from 'zod';
import { hasCode, toErrorRecord } from '../../../../runtime/errors.ts';
import { writeWhole } from '../../../../runtime/whole-file.ts';
import { addressOf } from '../../../pocket/chain/address.ts';
import { decodeCertificate } from '../../../pocket/chain/certificate.ts';
import { equalBytes, fromHex, toHex } from '../../../pocket/chain/hex.ts';

interface Identity {
  readonly publicKey: Uint8Array;
  readonly address: Uint8Array;
}

const schema = z.strictObject({
  version: z.literal(1),
  /** `signer.remote` at the time: another signer is another key. */
  remote: z.string(),
  public_key: z.string().regex(/^[0-9a-f]{64}$/),
  /** The last one given out; empty for none. */
  certificate: z.string().regex(/^([0-9a-f]{2})*$/),
});

/**
 * What a node remembers of its remote signer, so that it can start and follow the chain while that is away: whose key it
 * is, and the certificate that opens the streams of other validators. Nothing in it can sign.
 */
export class RememberedSigner {
  readonly #path: string;
  readonly #remote: string;
  readonly #log: Logger;
  #identity: Identity | undefined;
  #certificate = new Uint8Array(0);

  /** @param path of the file, which may be absent @param remote of the configuration */
  constructor(path: string, remote: string, log: Logger) {
    this.#path = path;
    this.#remote = remote;
    this.#log = log;
    this.#read();
  }

  /** Undefined for a signer that was never reached. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** The certificate last given out, if it is for this peer id and not expired. */
  certificate(peerId: string, now_ms: number): { certificate: Uint8Array; expires_ms: number } | undefined {
    if (this.#certificate.length === 0) return undefined;
    const known = decodeCertificate(this.#certificate);
    if (known.peerId !== peerId || known.expires_ms <= now_ms) return undefined;
    return { certificate: this.#certificate, expires_ms: known.expires_ms };
  }

  /** Keeps what the signer says it is; another key than before makes the certificate worthless. */
  met({ publicKey, address }: Identity): void {
    if (this.#identity !== undefined && equalBytes(this.#identity.publicKey, publicKey)) return;
    this.#identity = { publicKey: Uint8Array.from(publicKey), address: Uint8Array.from(address) };
    this.#certificate = new Uint8Array(0);
    this.#write();
  }

  certified(certificate: Uint8Array): void {
    this.#certificate = Uint8Array.from(certificate);
    this.#write();
  }

  #read(): void {
    try {
      const { remote, public_key, certificate } = schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      if (remote !== this.#remote) return;
      const publicKey = fromHex(public_key);
      if (certificate !== '') decodeCertificate(fromHex(certificate));
      this.#identity = { publicKey, address: addressOf(publicKey) };
      this.#certificate = Uint8Array.from(fromHex(certificate));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      this.#log.warn(
        { file: this.#path, error: toErrorRecord(error) },
        'what was known of the remote signer is unreadable',
      );
    }
  }

  #write(): void {
    const { publicKey } = this.#identity!;
    const document = {
      version: 1,
      remote: this.#remote,
      public_key: toHex(publicKey),
      certificate: toHex(this.#certificate),
    };
    try {
      writeWhole(this.#path, `${JSON.stringify(document)}\n`, 0o600);
    } catch (error) {
      this.#log.warn({ file: this.#path, error: toErrorRecord(error) }, 'the remote signer is not remembered');
    }
  }
}
