const domain = '^functions/(messages|methods|devices|event-log)/';
const edges = ['http', 'schedules', 'queues', 'events', 'iothub', 'storage'];

/** One rule for each wall of ARCHITECTURE.md; test/boundaries.test.ts plants a breach of every one. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-knows-no-edge',
      severity: 'error',
      from: { path: domain },
      to: { path: [`^functions/(${edges.join('|')})/`, '^functions/(index|config)\\.ts$'] },
    },
    {
      name: 'domain-knows-no-sdk',
      severity: 'error',
      from: { path: domain },
      to: { path: 'node_modules/(@azure/|azure-|rhea|uuid)' },
    },
    {
      name: 'edges-never-import-each-other',
      severity: 'error',
      from: { path: `^functions/(${edges.join('|')})/` },
      to: { path: `^functions/(${edges.join('|')})/`, pathNot: '^functions/$1/' },
    },
    {
      name: 'only-the-root-composes',
      severity: 'error',
      from: { path: '^functions/', pathNot: '^functions/index\\.ts$' },
      to: { path: '^functions/index\\.ts$' },
    },
    {
      name: 'sdk-of-the-hub-stays-in-iothub',
      severity: 'error',
      from: { path: '^functions/', pathNot: '^functions/iothub/' },
      to: { path: 'node_modules/(azure-|rhea)' },
    },
    {
      name: 'sdk-of-storage-stays-in-storage',
      severity: 'error',
      from: { path: '^functions/', pathNot: '^functions/storage/' },
      to: { path: 'node_modules/@azure/(data-tables|storage-)' },
    },
    {
      name: 'functions-never-import-simulator',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^simulator/' },
    },
    {
      name: 'simulator-never-imports-functions',
      severity: 'error',
      from: { path: '^simulator/' },
      to: { path: '^functions/' },
    },
    {
      name: 'hub-state-is-pure',
      severity: 'error',
      from: { path: '^simulator/hub/state/' },
      to: {
        path: '.',
        pathNot: ['^simulator/hub/state/', '^(node:)?crypto$'],
      },
    },
    {
      name: 'hub-query-knows-the-state-alone',
      severity: 'error',
      from: { path: '^simulator/hub/query/' },
      to: { path: '.', pathNot: '^simulator/hub/(query|state)/' },
    },
    {
      name: 'hub-heads-never-import-each-other',
      severity: 'error',
      from: { path: '^simulator/hub/(amqp|mqtt|https)/' },
      to: { path: '^simulator/hub/(amqp|mqtt|https)/', pathNot: '^simulator/hub/$1/' },
    },
    {
      name: 'hub-heads-know-no-admin-and-no-websockets',
      severity: 'error',
      from: { path: '^simulator/hub/(amqp|mqtt|https|state|auth)/' },
      to: { path: '^simulator/hub/(admin|websockets)/' },
    },
    {
      name: 'devices-never-import-the-hub',
      severity: 'error',
      from: { path: '^simulator/devices/' },
      to: { path: '^simulator/(hub|host)/' },
    },
    {
      name: 'host-never-imports-the-hub',
      severity: 'error',
      from: { path: '^simulator/host/' },
      to: { path: '^simulator/(hub|devices)/' },
    },
    {
      name: 'production-never-imports-tests',
      severity: 'error',
      from: { path: '^(functions|simulator)/' },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(simulator/)?dist/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['source', 'import', 'require', 'node', 'default'],
    },
  },
};
