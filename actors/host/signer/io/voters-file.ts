import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { hasCode, toErrorRecord } from '../../../../runtime/errors.ts';
import { writeWhole } from '../../../../runtime/whole-file.ts';
import type { Validator } from '../../../pocket/chain/validators.ts';
import { genesisVoters, type Voters } from '../core/voters.ts';
import { parseVoters, votersText } from '../core/voters-text.ts';

/**
 * What is proven about the sets of validators, in a file beside the record. It is a convenience: without it, or with a
 * damaged one, the signer begins at the genesis and is shown the changes again.
 */
export class VotersFile {
  readonly #path: string;
  readonly #networkId: string;
  readonly #log: Logger;

  constructor(record: string, networkId: string, log: Logger) {
    this.#path = `${record}.voters`;
    this.#networkId = networkId;
    this.#log = log;
  }

  /** @param validators those of the genesis */
  read(validators: readonly Validator[]): Voters {
    try {
      const voters = parseVoters(readFileSync(this.#path, 'utf8'), this.#networkId);
      if (voters !== null) return voters;
      this.#log.warn({ file: this.#path }, 'the kept validator sets are damaged or foreign: they are proven again');
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#log.warn({ file: this.#path, error: toErrorRecord(error) }, 'not readable');
    }
    return genesisVoters(validators);
  }

  write(voters: Voters): void {
    try {
      writeWhole(this.#path, votersText(voters, this.#networkId), 0o600);
    } catch (error) {
      this.#log.warn({ file: this.#path, error: toErrorRecord(error) }, 'the validator sets are not kept');
    }
  }
}
