import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../../runtime/errors.ts';
import { decodeBlock, decodeHeader, encodeBlock, encodeHeader } from './block.ts';
import { decodeCertificate, encodeCertificate } from './certificate.ts';
import { decodeConsensusMessage, decodeQc, encodeConsensusMessage, encodeQc, STEP_PREPARE } from './consensus.ts';
import { CHAIN_ERRORS } from './errors.ts';
import { equalBytes } from './hex.ts';
import { decodeSyncRequest, decodeSyncResponse, encodeSyncRequest, encodeSyncResponse } from './sync.ts';
import { TEST_NETWORK, testHeader, testQc, testValidators } from './testing.ts';
import { decodeTransaction, encodeTransaction, signTransaction } from './transaction.ts';

const validators = testValidators(4);
const [first] = validators;
const blockHash = new Uint8Array(32).fill(0xaa);
const transaction = signTransaction(
  {
    message: { type: 'utility.MessageSend', from: first!.address, to: validators[1]!.address, amount: 5n },
    nonce: 'n',
    networkId: TEST_NETWORK,
    validUntilHeight: 9n,
  },
  first!.seed,
).bytes;
const block = encodeBlock({ header: testHeader([transaction]), transactions: [transaction] });
const qc = encodeQc(testQc(validators.slice(1), { height: 1n, round: 0, step: STEP_PREPARE, blockHash }));
const signature = new Uint8Array(64).fill(1);

interface Sample {
  prefix: string;
  bytes: Uint8Array;
  /** Decodes and encodes again. */
  again(bytes: Uint8Array): Uint8Array;
}

const SAMPLES: Readonly<Record<string, Sample>> = {
  transaction: { prefix: 'TX', bytes: transaction, again: (b) => encodeTransaction(decodeTransaction(b)) },
  header: { prefix: 'HEADER', bytes: encodeHeader(testHeader()), again: (b) => encodeHeader(decodeHeader(b)) },
  block: { prefix: 'BLOCK', bytes: block, again: (b) => encodeBlock(decodeBlock(b)) },
  qc: { prefix: 'QC', bytes: qc, again: (b) => encodeQc(decodeQc(b)) },
  consensusMessage: {
    prefix: 'CONSENSUS',
    bytes: encodeConsensusMessage({
      type: 1,
      height: 2n,
      round: 1,
      step: 2,
      blockHash,
      block,
      justify: qc,
      proof: null,
      timeout: Uint8Array.of(1),
      address: first!.address,
      signature,
      networkId: TEST_NETWORK,
    }),
    again: (b) => encodeConsensusMessage(decodeConsensusMessage(b)),
  },
  certificate: {
    prefix: 'CERTIFICATE',
    bytes: encodeCertificate({
      networkId: TEST_NETWORK,
      peerId: '12D3KooWA',
      expires_ms: 1_800_000_000_000,
      publicKey: first!.publicKey,
      signature,
    }),
    again: (b) => encodeCertificate(decodeCertificate(b)),
  },
  syncRequest: {
    prefix: 'SYNC',
    bytes: encodeSyncRequest({ kind: 'blocks', from: 3n, count: 7 }),
    again: (b) => encodeSyncRequest(decodeSyncRequest(b)),
  },
  syncResponse: {
    prefix: 'SYNC',
    bytes: encodeSyncResponse({ kind: 'blocks', blocks: [{ block, commitQc: qc }] }),
    again: (b) => encodeSyncResponse(decodeSyncResponse(b)),
  },
};

/** The fields of the outermost message, each with its tag. */
function fieldsOf(bytes: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    const [tag, afterTag] = varint(bytes, at);
    const [value, afterValue] = varint(bytes, afterTag);
    at = (tag & 7) === 2 ? afterValue + value : afterValue;
    fields.push(bytes.subarray(start, at));
  }
  return fields;
}

function varint(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

function joined(fields: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(fields));
}

for (const [name, { prefix, bytes, again }] of Object.entries(SAMPLES)) {
  const notCanonical = { code: `${prefix}_NOT_CANONICAL` };
  const malformed = { code: `${prefix}_MALFORMED` };

  test(`${name}: the sample is its own encoding, from a Buffer too`, () => {
    assert.ok(equalBytes(again(bytes), bytes));
    assert.ok(equalBytes(again(Buffer.from(bytes)), bytes));
  });

  test(`${name}: an unknown field is refused, at the end and at the beginning`, () => {
    const unknown = Uint8Array.of(0xf8, 0x01, 0x01); // field 31, varint 1
    assert.throws(() => again(joined([bytes, unknown])), notCanonical);
    assert.throws(() => again(joined([unknown, bytes])), notCanonical);
  });

  test(`${name}: fields in another order are refused`, () => {
    const fields = fieldsOf(bytes);
    assert.throws(() => again(joined([...fields.slice(1), fields[0]!])), notCanonical);
  });

  test(`${name}: a field written twice is refused`, () => {
    for (const field of fieldsOf(bytes)) {
      if (name === 'block' && field[0] === 0x12) continue; // its list of transactions
      if (name === 'header' && field[0] === 0x42) continue; // its list of tree hashes
      // A message field is merged with its repetition, which may break a rule of its own before.
      assert.throws(
        () => again(joined([bytes, field])),
        (error: CodedError) => error.code.startsWith(prefix),
      );
    }
  });

  test(`${name}: a default value written out is refused`, () => {
    const numbers = new Set(fieldsOf(bytes).map((field) => varint(field, 0)[0] >> 3));
    for (let number = 1; number <= 15; number++) {
      if (numbers.has(number)) continue;
      for (const type of [0, 2]) {
        const explicit = Uint8Array.of((number << 3) | type, 0);
        assert.throws(
          () => again(joined([bytes, explicit])),
          (error: CodedError) => error.code.startsWith(prefix),
        );
      }
    }
  });

  test(`${name}: an overlong number is refused`, () => {
    const [field, ...rest] = fieldsOf(bytes);
    const [, afterTag] = varint(field!, 0);
    const [, afterValue] = varint(field!, afterTag);
    const overlong = field!.slice(0, afterValue);
    overlong[afterValue - 1]! |= 0x80;
    const value = joined([overlong, Uint8Array.of(0), field!.subarray(afterValue)]);
    assert.throws(() => again(joined([value, ...rest])), notCanonical);
  });

  test(`${name}: trailing and missing bytes are refused`, () => {
    assert.throws(() => again(joined([bytes, Uint8Array.of(0)])), malformed);
    assert.throws(() => again(bytes.subarray(0, bytes.length - 1)), malformed);
    assert.throws(() => again(new Uint8Array()), CodedError);
  });

  test(`${name}: what is too large is refused before it is parsed`, () => {
    assert.throws(() => again(new Uint8Array(20_000_000)), { code: `${prefix}_TOO_LARGE` });
  });

  test(`${name}: damaged bytes give a listed code, or are canonical themselves`, () => {
    const damage = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(damage, ([at, bits]) => {
        const damaged = bytes.slice();
        damaged[at]! ^= bits;
        try {
          assert.ok(equalBytes(again(damaged), damaged));
        } catch (error) {
          assert.ok(error instanceof CodedError && error.code in CHAIN_ERRORS, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  test(`${name}: noise gives a listed code`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        assert.throws(
          () => again(noise),
          (error) => error instanceof CodedError && error.code in CHAIN_ERRORS,
        );
      }),
    );
  });
}
