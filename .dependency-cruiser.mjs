/** The import rules of docs/architecture.md. */

const NODE_AND_THREADS =
  '^(node:|fs$|path$|worker_threads$|piscina$|comlink$|postgres$|fastify$|libp2p$|pino$|prom-client$)';

/** Pure npm packages that formats may use. */
const PURE_PACKAGES = 'node_modules/(@bufbuild/protobuf|@noble/curves|zod)/';

export default {
  forbidden: [
    {
      name: 'runtime-and-wasm-know-no-actor',
      severity: 'error',
      from: { path: '^(runtime|wasm)/' },
      to: { path: '^(actors|net|cli|bench|config|test|docs)/' },
    },
    {
      name: 'wasm-stands-alone',
      comment: 'kernels report errors in the one coded class; nothing else of the runtime',
      severity: 'error',
      from: { path: '^wasm/' },
      to: { path: '^runtime/', pathNot: '^runtime/errors\\.ts$' },
    },
    {
      name: 'net-knows-no-actor',
      comment: 'what p2p and the remote signer share of libp2p',
      severity: 'error',
      from: { path: '^net/' },
      to: { path: '^(actors|cli|bench|config|test|docs|wasm)/' },
    },
    {
      name: 'chain-is-pure',
      severity: 'error',
      from: { path: '^actors/[^/]+/chain/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: `^actors/[^/]+/chain/|^wasm/|^runtime/errors\\.ts$|${PURE_PACKAGES}` },
    },
    {
      name: 'actors-meet-at-protocols',
      comment: "an actor imports another actor's protocol.ts and its protocol's chain/, never another's insides",
      severity: 'error',
      from: { path: '^actors/([^/]+)/([^/]+)/', pathNot: '\\.test\\.ts$|/chain/|^actors/host/signer/' },
      to: {
        path: '^actors/[^/]+/[^/]+/',
        pathNot: '^actors/$1/$2/|/protocol\\.ts$|^actors/$1/chain/',
      },
    },
    {
      name: 'protocols-do-not-know-each-other',
      comment: 'host/ is for any protocol; only the signer knows a chain/, because it encodes what it signs',
      severity: 'error',
      from: { path: '^actors/(pocket|byron|host)/', pathNot: '^actors/host/signer/' },
      to: { path: '^actors/(pocket|byron)/', pathNot: '^actors/$1/' },
    },
    {
      name: 'signer-knows-formats-only',
      severity: 'error',
      from: { path: '^actors/host/signer/' },
      to: { path: '^actors/(pocket|byron)/', pathNot: '/chain/' },
    },
    {
      name: 'core-does-no-io',
      severity: 'error',
      from: { path: '/core/', pathNot: '\\.test\\.ts$' },
      to: { path: `${NODE_AND_THREADS}|/io/` },
    },
    {
      name: 'core-has-no-node-api',
      severity: 'error',
      from: { path: '/core/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the-top-is-not-imported',
      severity: 'error',
      from: { path: '^(actors|runtime|net|wasm|config)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(cli|bench|test|docs)/|^actors/[^/]+/node\\.ts$' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^comlink/dist/esm/node-adapter\\.mjs$' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    exclude: { path: '^wasm/assembly/' },
  },
};
