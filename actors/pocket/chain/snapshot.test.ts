import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sha256 } from '../../../wasm/hash.ts';
import { blockHash, encodeHeader } from './block.ts';
import { encodeQc, STEP_COMMIT, STEP_PRECOMMIT } from './consensus.ts';
import { toHex } from './hex.ts';
import { MAX_VALUE_BYTES } from './sizes.ts';
import {
  decodeSnapshotChunk,
  decodeSnapshotManifest,
  encodeSnapshotChunk,
  encodeSnapshotManifest,
  isSnapshotChunk,
  MAX_SNAPSHOT_CHUNK_BYTES,
  MAX_SNAPSHOT_CHUNKS,
  MAX_SNAPSHOT_MANIFEST_BYTES,
  SNAPSHOT_CHUNK_FRAME_BYTES,
  SNAPSHOT_TREES,
  type SnapshotChunkInfo,
  snapshotValueBytes,
} from './snapshot.ts';
import { testHeader, testQc, testValidators } from './testing.ts';
import { decodeValidatorSet, encodeValidatorSet, validatorSet, validatorSetHash } from './validators.ts';

const validators = testValidators(4);
const voters = validatorSet(validators);
const header = { ...testHeader(), valSetHash: validatorSetHash(voters) };
const vote = { height: header.height, round: 1, step: STEP_COMMIT, blockHash: blockHash(header) };
const info: SnapshotChunkInfo = { tree: 'account', hash: new Uint8Array(32).fill(1), bytes: 100, rows: 2 };
const parts = {
  header: encodeHeader(header),
  commitQc: encodeQc(testQc(validators.slice(1), vote)),
  voters: encodeValidatorSet(voters),
  chunks: [info, { ...info, tree: 'val' as const }],
};

const tree = fc.constantFrom(...SNAPSHOT_TREES);
const values = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 20 });

describe('a snapshot', () => {
  it('comes back from its bytes', () => {
    const manifest = decodeSnapshotManifest(encodeSnapshotManifest(parts));
    assert.deepEqual(manifest.header, header);
    assert.deepEqual(manifest.chunks, parts.chunks);
    assert.deepEqual(manifest.commitQc, parts.commitQc);
    assert.equal(toHex(validatorSetHash(manifest.voters)), toHex(header.valSetHash));
    fc.assert(
      fc.property(tree, values, (name, list) => {
        const bytes = encodeSnapshotChunk({ tree: name, values: list });
        assert.deepEqual(decodeSnapshotChunk(bytes), { tree: name, values: list });
        const room = list.reduce((sum, value) => sum + snapshotValueBytes(value), SNAPSHOT_CHUNK_FRAME_BYTES);
        assert.ok(bytes.length <= room);
      }),
    );
  });

  it('has one encoding: a chunk or a manifest with other bytes is another one, or none', () => {
    const manifest = encodeSnapshotManifest(parts);
    const chunk = encodeSnapshotChunk({ tree: 'pool', values: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] });
    const listed = { tree: 'pool' as const, hash: sha256(chunk), bytes: chunk.length, rows: 2 };
    const refusal = /^(SNAPSHOT|HEADER|BLOCK|QC|VALIDATORS)_/;
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, bits) => {
        for (const [bytes, again] of [
          [manifest, (read: Uint8Array) => reencode(decodeSnapshotManifest(read))],
          [chunk, (read: Uint8Array) => encodeSnapshotChunk(decodeSnapshotChunk(read))],
        ] as const) {
          const changed = bytes.slice();
          changed[place % changed.length]! ^= bits;
          assert.equal(isSnapshotChunk(listed, changed), false);
          try {
            assert.deepEqual(again(changed), changed);
          } catch (error) {
            assert.match((error as { code?: string }).code ?? String(error), refusal);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses parts that do not belong together', () => {
    const other = { ...vote, blockHash: header.parentHash };
    const foreign: [string, Partial<typeof parts>][] = [
      ['commit_qc', { commitQc: encodeQc(testQc(validators, other)) }],
      ['commit_qc', { commitQc: encodeQc(testQc(validators, { ...vote, step: STEP_PRECOMMIT })) }],
      ['voters', { voters: encodeValidatorSet(validatorSet(validators.slice(1))) }],
      ['header', { header: encodeHeader({ ...header, stateHash: new Uint8Array() }) }],
      ['height', { header: encodeHeader({ ...header, height: 0n }) }],
    ];
    for (const [field, part] of foreign) {
      assert.throws(() => encodeSnapshotManifest({ ...parts, ...part }), named(field));
    }
  });

  it('bounds what it may consist of', () => {
    const bounds: [string, SnapshotChunkInfo[]][] = [
      ['chunks', []],
      ['chunks', Array<SnapshotChunkInfo>(MAX_SNAPSHOT_CHUNKS + 1).fill(info)],
      ['chunks', [{ ...info, tree: 'val' }, info]],
      ['hash', [{ ...info, hash: new Uint8Array(31) }]],
      ['bytes', [{ ...info, bytes: MAX_SNAPSHOT_CHUNK_BYTES + 1 }]],
      ['rows', [{ ...info, rows: info.bytes + 1 }]],
    ];
    for (const [field, chunks] of bounds) {
      assert.throws(() => encodeSnapshotManifest({ ...parts, chunks }), named(field));
    }
    const most = encodeSnapshotManifest({ ...parts, chunks: Array<SnapshotChunkInfo>(MAX_SNAPSHOT_CHUNKS).fill(info) });
    assert.equal(decodeSnapshotManifest(most).chunks.length, MAX_SNAPSHOT_CHUNKS);
    assert.throws(() => decodeSnapshotManifest(new Uint8Array(MAX_SNAPSHOT_MANIFEST_BYTES + 1)), {
      code: 'SNAPSHOT_TOO_LARGE',
    });
    for (const list of [[], [new Uint8Array()], [new Uint8Array(MAX_VALUE_BYTES + 1)]]) {
      assert.throws(() => encodeSnapshotChunk({ tree: 'val', values: list }), named('values'));
    }
    const three = Array<Uint8Array>(3).fill(new Uint8Array(MAX_VALUE_BYTES));
    assert.throws(() => encodeSnapshotChunk({ tree: 'val', values: three }), { code: 'SNAPSHOT_TOO_LARGE' });
    assert.throws(() => decodeSnapshotChunk(new Uint8Array(MAX_SNAPSHOT_CHUNK_BYTES + 1)), {
      code: 'SNAPSHOT_TOO_LARGE',
    });
  });
});

describe('a validator set', () => {
  const set = fc
    .uniqueArray(
      fc.tuple(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })),
      {
        minLength: 1,
        maxLength: 8,
        selector: ([address]) => toHex(address),
      },
    )
    .map((list) =>
      validatorSet(
        list.map(([address, power]) => ({ address, publicKey: sha256(address), serviceUrl: 'host:1', power })),
      ),
    );

  it('comes back from the bytes that its hash is of', () => {
    fc.assert(
      fc.property(set, (some) => {
        const again = decodeValidatorSet(encodeValidatorSet(some));
        assert.equal(toHex(validatorSetHash(again)), toHex(validatorSetHash(some)));
        assert.deepEqual(
          again.list,
          some.list.map((validator) => ({ ...validator, serviceUrl: '' })),
        );
      }),
    );
  });

  it('is refused where it is empty, malformed, unsorted or written in another way', () => {
    const bytes = encodeValidatorSet(voters);
    const half = encodeValidatorSet(validatorSet(validators.slice(0, 2)));
    assert.throws(() => decodeValidatorSet(new Uint8Array()), { code: 'VALIDATORS_INVALID' });
    assert.throws(() => decodeValidatorSet(Uint8Array.of(...half, ...half)), { code: 'VALIDATORS_MALFORMED' });
    assert.throws(() => decodeValidatorSet(bytes.subarray(1)), { code: 'VALIDATORS_MALFORMED' });
    assert.throws(() => decodeValidatorSet(new Uint8Array(1_000_000)), { code: 'VALIDATORS_TOO_LARGE' });
    // A power of 1 is left out.
    const one = Buffer.from(toHex(encodeValidatorSet(validatorSet(validators.slice(0, 1)))), 'hex');
    const written = Buffer.concat([
      Buffer.of(0x0a, (one[1] as number) + 3),
      one.subarray(3),
      Buffer.from('1a0131', 'hex'),
    ]);
    assert.throws(() => decodeValidatorSet(written), { code: 'VALIDATORS_MALFORMED' });
  });
});

function named(field: string) {
  return (error: unknown): boolean => {
    const { code, data } = error as { code?: string; data?: { field?: string } };
    assert.deepEqual([code, data?.field], ['SNAPSHOT_MALFORMED', field]);
    return true;
  };
}

function reencode(manifest: ReturnType<typeof decodeSnapshotManifest>): Uint8Array {
  const header = encodeHeader(manifest.header);
  return encodeSnapshotManifest({ ...manifest, header, voters: encodeValidatorSet(manifest.voters) });
}
