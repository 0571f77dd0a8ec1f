import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_AMOUNT } from './amounts.ts';
import { genesisJson, genesisValidators, parseGenesis } from './genesis.ts';
import { toHex } from './hex.ts';
import { POOL_DAO, POOL_VALIDATOR_STAKE, POOLS } from './pools.ts';
import { testValidators } from './testing.ts';

interface FileActor {
  [key: string]: unknown;
  address: string;
}

/** As an operator writes it, or the earlier node wrote it. */
function file() {
  const actor = ({ address, publicKey }: { address: Uint8Array; publicKey: Uint8Array }, i: number): FileActor => ({
    address: toHex(address),
    public_key: toHex(publicKey),
    chains: null,
    service_url: `validator${i + 1}:42069`,
    staked_amount: '1000000000000',
    paused_height: -1,
    unstaking_height: '-1',
    output: toHex(address),
    actor_type: 4,
  });
  const validators = testValidators(4);
  return {
    genesis_time: { seconds: 1663610702, nanos: 405401000 } as unknown,
    chain_id: 'testnet',
    max_block_bytes: 4000000 as unknown,
    pools: [{ address: toHex(POOL_DAO), amount: '7' }],
    accounts: validators.map(({ address }) => ({ address: toHex(address), amount: '100000000000000' as unknown })),
    applications: [] as FileActor[],
    validators: validators.map(actor),
    servicers: [] as FileActor[],
    fishermen: [] as FileActor[],
    params: { blocks_per_session: 4, message_send_fee: '20000' } as Record<string, unknown>,
  };
}

type File = ReturnType<typeof file> & Record<string, unknown>;

function parseWith(change: (file: File) => void) {
  const changed: File = file();
  change(changed);
  return parseGenesis(JSON.stringify(changed));
}

test('a file of the earlier node is read, with our defaults', () => {
  const genesis = parseGenesis(JSON.stringify(file()));
  assert.equal(genesis.networkId, 'testnet');
  assert.equal(genesis.genesisTime_ms, 1_663_610_702_405n);
  assert.equal(genesis.maxBlockBytes, 4_000_000);
  assert.equal(genesis.blockInterval_ms, 500);
  assert.equal(genesis.emptyBlockInterval_ms, 1_000);
  assert.equal(genesis.txWindowBlocks, 1_000);
  assert.equal(genesis.allowV1Transactions, false);
  assert.equal(genesis.accounts.length, 4);
  assert.equal(genesis.params.size, 109);
  assert.equal(genesis.params.get('blocks_per_session'), '4');
  assert.equal(genesis.params.get('message_send_fee'), '20000');
  assert.equal(genesis.params.get('message_stake_app_fee'), '10000');
  assert.deepEqual(
    genesis.validators.map(({ address }) => address),
    testValidators(4).map(({ address }) => address),
  );
  assert.equal(genesisValidators(genesis).list.length, 4);
});

test('every pool exists, with what is staked in it unless the file says more', () => {
  const { pools } = parseGenesis(JSON.stringify(file()));
  assert.deepEqual(
    pools.map(({ amount }) => amount),
    [7n, 0n, 0n, 4_000_000_000_000n, 0n, 0n],
  );
  assert.deepEqual(
    pools.map(({ address }) => address),
    POOLS.map(({ address }) => address),
  );
});

test('what is written is read as the same genesis, and written the same', () => {
  const genesis = parseWith((f) => {
    f.genesis_time = '2026-01-31T12:00:00.500Z';
    f.applications = [{ ...f.validators[0]!, actor_type: 1, service_url: 'unused', chains: ['0001'] }];
    f.servicers = [{ ...f.validators[1]!, actor_type: 2, service_url: 'https://s.example.org:443', chains: ['0001'] }];
    f.fishermen = [{ ...f.validators[2]!, actor_type: 3, service_url: 'http://10.0.0.1:80' }];
    f.allow_v1_transactions = true;
    f.block_interval_ms = 250;
    f.tx_window_blocks = 10;
  });
  const text = genesisJson(genesis);
  assert.deepEqual(parseGenesis(text), genesis);
  assert.equal(genesisJson(parseGenesis(text)), text);
  assert.match(text, /"genesis_time": "2026-01-31T12:00:00.500Z"/);
});

test('the order of the accounts in the file does not matter', () => {
  const reversed = parseWith((f) => f.accounts.reverse());
  assert.deepEqual(reversed, parseGenesis(JSON.stringify(file())));
});

test('a wrong entry is named with its value and what to write instead', () => {
  const cases: [string, RegExp, (file: File) => unknown][] = [
    ['foo', /remove it/, (f) => (f.foo = 1)],
    ['accounts[1].denom', /remove it/, (f) => ((f.accounts[1] as Record<string, unknown>).denom = 'upokt')],
    ['genesis_time.zone', /remove it|ISO/, (f) => (f.genesis_time = { seconds: 1, zone: 'CET' })],
    ['genesis_time', /ISO 8601/, (f) => (f.genesis_time = 'tomorrow')],
    ['genesis_time', /after 1969|ISO/, (f) => (f.genesis_time = '1960-01-01T00:00:00Z')],
    ['chain_id', /missing/, (f) => delete (f as Record<string, unknown>).chain_id],
    ['chain_id', /printable/, (f) => (f.chain_id = 'my net')],
    ['max_block_bytes', /at least 18912/, (f) => (f.max_block_bytes = 1000)],
    ['max_block_bytes', /from 1 to 8000000/, (f) => (f.max_block_bytes = 9_000_000)],
    ['max_block_bytes', /from 1 to 8000000/, (f) => (f.max_block_bytes = 'many')],
    ['block_interval_ms', /whole number/, (f) => (f.block_interval_ms = 0)],
    ['empty_block_interval_ms', /block_interval_ms/, (f) => (f.empty_block_interval_ms = 100)],
    ['tx_window_blocks', /whole number/, (f) => (f.tx_window_blocks = 1.5)],
    ['allow_v1_transactions', /true or false/, (f) => (f.allow_v1_transactions = 'yes')],
    ['accounts[0].amount', /uPOKT/, (f) => (f.accounts[0]!.amount = '01')],
    ['accounts[0].amount', /uPOKT/, (f) => (f.accounts[0]!.amount = '-1')],
    ['accounts[0].amount', /string/, (f) => (f.accounts[0]!.amount = 5)],
    ['accounts[0].amount', /uPOKT/, (f) => (f.accounts[0]!.amount = String(MAX_AMOUNT + 1n))],
    ['accounts[0].address', /40 lower-case/, (f) => (f.accounts[0]!.address = 'ABCD')],
    [
      'pools[1].amount',
      /write at least 4000000000000/,
      (f) => f.pools.push({ address: toHex(POOL_VALIDATOR_STAKE), amount: '3999999999999' }),
    ],
    ['pools[0].address', /DAO/, (f) => (f.pools[0]!.address = '00'.repeat(20))],
    ['validators', /at least one/, (f) => (f.validators = [])],
    [
      'validators[0].address',
      /belongs to the public key: [0-9a-f]{40}/,
      (f) => (f.validators[0]!.address = '00'.repeat(20)),
    ],
    ['validators[0].public_key', /64 lower-case/, (f) => (f.validators[0]!.public_key = '00')],
    ['validators[0].service_url', /host:port/, (f) => (f.validators[0]!.service_url = 'nowhere')],
    ['validators[0].service_url', /host:port/, (f) => (f.validators[0]!.service_url = 'host:70000')],
    ['validators[0].service_url', /host:port/, (f) => (f.validators[0]!.service_url = 'ftp://host:1')],
    ['validators[0].chains[0]', /four characters/, (f) => (f.validators[0]!.chains = ['00001'])],
    ['validators[0].chains', /once/, (f) => (f.validators[0]!.chains = ['0001', '0001'])],
    ['validators[0].paused_height', /-1/, (f) => (f.validators[0]!.paused_height = 3)],
    ['validators[0].actor_type', /write 4/, (f) => (f.validators[0]!.actor_type = 1)],
    ['params.blocks_per_sesion', /no parameter/, (f) => (f.params.blocks_per_sesion = 1)],
    ['params.message_send_fee', /whole number/, (f) => (f.params.message_send_fee = '-1')],
    ['params.acl_owner', /address/, (f) => (f.params.acl_owner = 'me')],
  ];
  for (const [path, fix, change] of cases) {
    assert.throws(
      () => parseWith(change),
      (error: { code: string; message: string; data: { path: string; value: string; fix: string } }) => {
        assert.equal(error.code, 'GENESIS_INVALID', error.message);
        assert.equal(error.data.path, path);
        assert.match(error.data.fix, fix);
        assert.ok(error.message.includes(path) && error.message.includes(error.data.value));
        return true;
      },
      path,
    );
  }
});

test('service URLs are accepted bare and with a scheme', () => {
  for (const url of ['node1:1', 'node-1.example.org:65535', 'http://127.0.0.1:8080', 'https://n:443', '[::1]:42069']) {
    assert.equal(parseWith((f) => (f.validators[0]!.service_url = url)).validators[0]!.serviceUrl, url);
  }
});

test('an address that stands twice in a list is named', () => {
  for (const list of ['accounts', 'validators', 'pools'] as const) {
    const { address } = file()[list][0]!;
    assert.throws(() => parseWith((f) => (f[list] = [...f[list], f[list][0]] as never)), {
      code: 'GENESIS_DUPLICATE_ADDRESS',
      message: new RegExp(`${list}.*${address}`),
    });
  }
});

test('a supply that no amount could hold is refused', () => {
  assert.throws(() => parseWith((f) => (f.accounts[0]!.amount = String(MAX_AMOUNT))), {
    code: 'GENESIS_INVALID',
    message: /sum/,
  });
});

test('a text that is no JSON object is refused', () => {
  for (const text of ['', '{', 'null', '[]', '"genesis"', '1']) {
    assert.throws(() => parseGenesis(text), { code: 'GENESIS_INVALID' }, text);
  }
});
