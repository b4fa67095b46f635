import { computed, type Places } from './source-texts.js'

/** One text without a golden: never all of a file, or what comes to it later would be excused as well. */
export interface Unsaid {
  readonly file?: string
  /** As they stand in the source, without what is computed; `computed` for texts of which nothing is fixed. */
  readonly words: string
  /** The test below `packages/` in which all of the text stands, where only what it starts makes it speak. */
  readonly test?: string
  readonly why: string
}

/** A package whose errors stand in a golden file of its own. */
export interface GoldenRoom {
  readonly room: string
  readonly places: Places
  /** So that a reader of the source that finds nothing is not taken for a room that says nothing. */
  readonly textsMin: number
  /**
   * Files below `packages/`, or folders, of which every `.txt` counts; of `.ndjson` the texts and the pairs of path and text in
   * what is recorded.
   */
  readonly goldens: readonly string[]
  /**
   * By line, where each says one thing: then nothing that is computed in a text reaches over the end of one. By block, between
   * empty lines, where one text has many.
   */
  readonly by: 'line' | 'block'
  /** Below this folder a file that is called as a type is speaks of that type, and only what is said of one counts for it. */
  readonly kinds?: string
  readonly unsaid: readonly Unsaid[]
}

const handedOn = (...files: readonly string[]): readonly Unsaid[] =>
  files.map((file) => ({ file, words: computed, why: 'hands on the words of somebody else, who has a golden of them' }))

/** Each choice of it is looked for where it is made, or it is what somebody else has said. */
const computedElsewhere: Unsaid = { words: computed, why: 'is made by a function, which is looked for by itself' }

/** Nothing but a hand in the database, or a mistake of ours, makes these speak; the cause is in the log, and outside it is "internal error". */
const databaseLies = [
  ...['store_head has no row', 'replica_key has no row', 'scrub has no row', 'the fence of a session was not written'],
  ...['no answer to what demands rest on', 'a request was lost', 'a mark was not compared', 'there is no master key'],
  ...['the database answered nothing to: '],
]

const storeUnsaid: readonly Unsaid[] = [
  computedElsewhere,
  ...databaseLies.map((words): Unsaid => ({ words, why: 'an answer of the database that cannot be' })),
  {
    file: 'plan/return-rest.ts',
    words: 'stand in the backup that was put back',
    test: 'store/src/conformance/returns.ts',
    why: 'of a whole return, on both stores',
  },
  { file: 'migrate/files.ts', words: 'the migrations are not where they should be', why: 'takes a broken package' },
  { file: 'memory/control-plane.ts', words: 'a store in memory is compared', why: 'of the store of the simulation' },
  { file: 'memory/control-plane.ts', words: 'was given up', why: 'of the store of the simulation' },
  {
    file: 'pg/sql.ts',
    words: 'does not keep what was prepared',
    test: 'store/src/pg/prepared.pg.test.ts',
    why: 'of a session that is handed on',
  },
  { file: 'pg/writer.ts', words: 'the database is not what it was', why: 'takes a backup put back within a commit' },
  { file: 'pg/store.ts', words: 'the store did not close cleanly', why: 'takes a closer that fails' },
  {
    file: 'plan/learned-types.ts',
    words: 'are kept at most',
    test: 'store/src/conformance/types.ts',
    why: 'takes more types than one peer may describe',
  },
  { file: 'plan/offers.ts', words: 'has the same ', why: 'takes two names of one hash' },
]

/** What is said for people. An `invariant` is not: it says that we are wrong, and nothing can make it speak. */
export const goldenRooms: readonly GoldenRoom[] = [
  {
    room: 'zone',
    places: { calls: { Problem: 1, Error: 0, failed: 0 }, properties: { message: 'reason', why: 'outcome' } },
    textsMin: 15,
    goldens: ['zone/testdata/errors.txt'],
    by: 'line',
    unsaid: [
      ...handedOn('endpoints/endpoint-keeper.ts', 'services/service-runtime.ts', 'runtime.ts'),
      { file: 'endpoints/endpoints.ts', words: computed, why: 'says nothing of a list that is taken' },
      { file: 'proxy-admin.ts', words: computed, why: 'hands on what the connection says' },
      { words: 'the zone control plane stops', why: 'what stops a call, and is told to nobody' },
    ],
  },
  {
    room: 'cp',
    places: { calls: { Problem: 1, Error: 0, refused: 1 }, properties: { reason: '', message: '' } },
    textsMin: 60,
    goldens: ['cp/testdata/errors.txt'],
    by: 'block',
    unsaid: [
      ...handedOn('commands/ports.ts', 'commands/problems.ts', 'config/kuma-environment.ts', 'config/policy-hooks.ts'),
      ...handedOn('config/resolve.ts', 'identity/master-keys.ts', 'identity/zone-gate.ts', 'tracing/open-telemetry.ts'),
      {
        file: 'commands/backup.ts',
        words: 'there is no store of Holdfast',
        test: 'cp/src/backup/backup.e2e.test.ts',
        why: 'of a database',
      },
      {
        file: 'commands/backup.ts',
        words: 'a backup goes into an empty one',
        test: 'cp/src/backup/backup.e2e.test.ts',
        why: 'of a database',
      },
      {
        file: 'commands/backup.ts',
        words: 'the backup is of schema',
        test: 'cp/src/backup/backup.e2e.test.ts',
        why: 'of a database',
      },
      {
        file: 'commands/backup.ts',
        words: 'a pooler in transaction mode',
        test: 'cp/src/faults/pooler.e2e.test.ts',
        why: 'of a pooler',
      },
      { file: 'commands/once.ts', words: 'interrupted', why: 'what a signal stops, and nobody waits for' },
      {
        file: 'commands/serve.ts',
        words: '--vip-block: ',
        test: 'cp/src/bad-start.e2e.test.ts',
        why: 'of a whole start',
      },
      { file: 'identity/tls-files.ts', words: computed, why: 'hands on what is said of the file' },
    ],
  },
  {
    room: 'cp',
    places: { calls: { fine: 1, doubtful: 1, bad: 1 } },
    textsMin: 35,
    goldens: ['cp/testdata/doctor.txt'],
    by: 'block',
    unsaid: [computedElsewhere],
  },
  {
    room: 'cp',
    places: { calls: { doubtful: 2, bad: 2 } },
    textsMin: 30,
    goldens: ['cp/testdata/doctor.txt'],
    by: 'block',
    unsaid: [],
  },
  {
    room: 'global',
    places: {
      calls: { Problem: 1, Error: 0, lie: 0, fail: 0, movingReason: 0 },
      properties: { reason: '' },
      returns: ['specOfAnswer', 'partnerLost', 'noStream'],
    },
    textsMin: 25,
    goldens: ['global/testdata'],
    by: 'line',
    unsaid: [
      computedElsewhere,
      { file: 'hooks/chain.ts', words: 'was not asked', why: 'each that is asked about gets an outcome' },
      { file: 'hooks/runner.ts', words: 'the control plane stops', why: 'what stops a call, and is told to nobody' },
      { file: 'runtime.ts', words: 'the global control plane stops', why: 'what stops a call, and is told to nobody' },
      { file: 'replicas/replicas.ts', words: 'not this one', why: 'one answer of several, of which the best is told' },
      {
        file: 'runtime.ts',
        words: 'keeps no stream open',
        test: 'cp/src/faults/proxy-admin.e2e.test.ts',
        why: 'of a Kuma zone',
      },
    ],
  },
  {
    room: 'peer',
    places: { calls: { Problem: 1 } },
    textsMin: 5,
    goldens: ['peer/testdata/errors.txt'],
    by: 'block',
    unsaid: [{ file: 'session-driver.ts', words: 'are answered here', why: 'both roles answer questions' }],
  },
  {
    room: 'transport',
    places: {
      calls: { Problem: 1, Error: 0, malformed: 1, HookFailure: 0, wrong: 1, failed: 0, fail: 0, refused: 1 },
      properties: { reason: '', details: '' },
      returns: ['connectionWords', 'statusProblem', 'tooLarge', 'words', 'endedWords'],
    },
    textsMin: 100,
    goldens: ['transport/testdata/errors.txt'],
    by: 'line',
    unsaid: [
      ...handedOn('admin/desk.ts', 'certify.ts', 'codec/decode.ts', 'codec/fields.ts', 'companions.ts'),
      ...handedOn('link-core.ts', 'replicas/replica-server.ts', 'serve.ts', 'wire.ts'),
      { file: 'codec/session.ts', words: 'is not known', why: 'every body that the parser knows is decided before' },
      { file: 'codec/session.ts', words: computed, why: 'hands on why global has refused the session' },
      { file: 'gate.ts', words: 'it could not be accepted: ', why: 'the system has no file descriptor left' },
      { file: 'hooks/grpc.ts', words: 'answers nothing', why: 'gRPC says an error where there is no answer' },
      { file: 'hooks/grpc.ts', words: computed, why: 'hands on what gRPC says' },
      { file: 'hooks/http.ts', words: 'in the middle', why: 'Node says so as an error of the connection, and first' },
      { file: 'hooks/http.ts', words: computed, why: 'made by functions of which each text is looked for' },
      { file: 'replicas/secure-line.ts', words: 'no answer from ', why: 'after five seconds' },
    ],
  },
  {
    room: 'ctl',
    places: { calls: { CliError: 0, usageError: 0, InvalidArgumentError: 0 } },
    textsMin: 90,
    goldens: ['ctl/testdata/errors.txt'],
    by: 'block',
    unsaid: handedOn('io.ts', 'commands/import-kuma.ts', 'changes/placed-failure.ts', 'cli/globals.ts'),
  },
  {
    room: 'api',
    places: {
      calls: { ApiError: 2, Problem: 1, badRequest: 0, denied: 0, preconditionFailed: 0 },
      properties: { message: 'path', refused: '' },
    },
    textsMin: 120,
    goldens: ['api/testdata/errors.txt'],
    by: 'block',
    unsaid: handedOn(
      ...['create-api.ts', 'http/access.ts', 'http/preconditions.ts', 'http/read-only.ts', 'routes/apply.ts'],
      ...['routes/dns.ts', 'routes/federation.ts', 'routes/identity.ts', 'routes/proxies.ts', 'routes/writes.ts'],
      ...['guards/report-json.ts', 'recovery/overview.ts', 'routes/insights.ts', 'sync/sync-json.ts'],
      ...['routes/hooks.ts', 'sync/zone-insight.ts', 'http/errors.ts'],
    ),
  },
  {
    room: 'model',
    places: {
      calls: {
        ...{ refused: [0, 1], strict: [0, 1], warning: [0, 1], finding: [0, 1], wrong: 1 },
        ...{ Problem: 1, invalid: 0, TemplateError: 0, parseError: 1, unsupportedError: 1, Error: 0 },
      },
      properties: { message: 'path', reason: '' },
      returns: [
        ...['cidrProblem', 'spiffeIdProblem', 'subdomainProblems', 'dns1035Problems', 'nameProblems', 'meshProblems'],
        ...['lengthReasons', 'labelKeyProblems', 'labelValueProblems', 'typeReason', 'boundReason', 'endpointProblems'],
        ...['moveProblem', 'base64Reason', 'yamlProblem', 'faultText', 'jsonProblem', 'leafReason', 'scalarReason'],
      ],
    },
    textsMin: 420,
    goldens: ['model/testdata/errors.txt', 'model/testdata/rest-writes.ndjson'],
    by: 'line',
    kinds: 'kinds/',
    unsaid: [
      computedElsewhere,
      { file: 'problems.ts', words: 'invariant broken: ', why: 'nothing can make it speak but our own mistake' },
      { file: 'hostnames/template-parser.ts', words: 'missing operand', why: 'each caller has seen that there is one' },
      { file: 'hostnames/hostname-index.ts', words: 'Generated', why: 'a word for programs' },
    ],
  },
  {
    room: 'identity',
    places: {
      calls: {
        ...{ Problem: 1, refused: 0, Refusal: 0, Error: 0, conflict: 0, wrong: 0, say: 1, text_: 2 },
        'problems.push': 0,
      },
      properties: { message: 'path', reason: '', told: '' },
      returns: ['reasonOf', 'withdrawn', 'shutOut'],
    },
    textsMin: 60,
    goldens: ['identity/testdata/errors.txt'],
    by: 'line',
    unsaid: [computedElsewhere],
  },
  {
    room: 'vip',
    places: {
      calls: { Problem: 1, refused: 0, Error: 0, problem: 1, found: 2, 'reasons.push': 0, unleased: 0 },
      properties: { message: 'path', reason: '' },
      returns: ['unleased'],
    },
    textsMin: 25,
    goldens: ['vip/testdata/errors.txt'],
    by: 'line',
    unsaid: [computedElsewhere],
  },
  {
    room: 'store',
    places: {
      calls: {
        ...{ Problem: 1, invalid: 0, refused: 0, Error: 0, LockedOut: 1, NotKept: 1, super: 1, AggregateError: 1 },
        'problems.push': 0,
      },
      properties: { message: 'path', reason: '' },
      returns: [
        ...[
          'addressProblem',
          'attributionProblem',
          'bookProblem',
          'collision',
          'conflictWords',
          'problemOf',
          'shortWords',
        ],
        ...['deletedZoneWords', 'differenceOf', 'duplicateProblem', 'holdFate'],
        ...['judgeReceived', 'leaseProblem', 'livingText', 'pausedWords', 'preference', 'readOnlyWords', 'refusal'],
        ...['refusalOf', 'refusedTypeOf', 'strangerProblem'],
      ],
    },
    textsMin: 190,
    goldens: ['store/testdata'],
    by: 'line',
    unsaid: storeUnsaid,
  },
  {
    room: 'bus',
    places: { calls: { 'problems.push': 0 } },
    textsMin: 6,
    goldens: ['bus/testdata/errors.txt'],
    by: 'line',
    unsaid: [],
  },
  {
    room: 'dns',
    places: { calls: { Error: 0 }, properties: { reason: '' }, returns: ['servingProblem'] },
    textsMin: 10,
    goldens: ['dns/testdata/errors.txt'],
    by: 'line',
    unsaid: [
      computedElsewhere,
      {
        file: 'feed/feed.ts',
        words: 'the log has no beginning',
        why: 'ends one reading, and the next one begins anew',
      },
      {
        file: 'feed/feed.ts',
        words: 'the log became another one',
        why: 'ends one reading, and the next one begins anew',
      },
      { file: 'feed/journal-file.ts', words: 'was not begun', why: 'who appends has begun it' },
      { file: 'zone-dns.ts', words: 'DNS stops', why: 'what stops a reading, and is told to nobody' },
    ],
  },
  {
    room: 'gui',
    places: { calls: { Error: 0, WhoAreYou: 0 } },
    textsMin: 2,
    goldens: ['gui/testdata/errors.txt'],
    by: 'line',
    unsaid: [{ file: 'page/main.ts', words: 'the page has no #', why: 'page and script are of one build' }],
  },
  {
    room: 'kds',
    places: {
      calls: { violated: 1, plainViolated: 1, closed: 2, storeChanged: 1, refused: 1 },
      properties: { reason: '', message: '' },
      returns: ['brokenPromise', 'brokenPage', 'waitedForWords'],
    },
    textsMin: 40,
    goldens: ['kds/testdata/errors.txt'],
    by: 'line',
    unsaid: [computedElsewhere],
  },
  {
    room: 'conformance',
    places: {
      calls: { kept: 0, broken: 0, undecided: 0, 'wrong.push': 0 },
      properties: { rule: 'level', problem: 'parts' },
      returns: [
        ...['keyProblem', 'specProblem', 'jsonProblem', 'originProblem', 'nameProblem', 'statusProblem'],
        ...['secretProblem', 'configProblem', 'versionProblem', 'keyTwice', 'nodeProblem', 'namesProblem'],
        ...['timesProblem', 'refusalProblem', 'twice', 'nonceProblem', 'removalProblem', 'adminProblem'],
        ...['streamProblem', 'answerTo', 'endText'],
      ],
    },
    textsMin: 120,
    goldens: ['conformance/testdata/verdicts.txt'],
    by: 'line',
    unsaid: [computedElsewhere, { file: 'rules/across.ts', words: 'acked', why: 'a word for programs' }],
  },
]

const ofDevelopers = 'a program of the house: who starts it has its source before them'

/** Packages without such a file, and why. */
export const roomsWithoutGoldens: Readonly<Record<string, string>> = {
  bench: ofDevelopers,
  demo: ofDevelopers,
  faults: `${ofDevelopers}; what it finds is told in docs/fault-matrix.md`,
  sim: ofDevelopers,
  testkit: 'of tests',
  proto: 'generated',
  deadline: 'whoever asked says in his own words what did not come in time',
  tracing: 'says nothing',
}
