import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { specsOf } from '../config/settings.js'

/**
 * The chart, as far as Node alone can look at it: values, their schema and what the templates ask for agree. Where
 * HOLDFAST_HELM names the program, it is linted and rendered too, and what comes out is looked at like our other manifests.
 */
const chart = fileURLToPath(new URL('../../../../deploy/helm/holdfast/', import.meta.url))
const read = (path: string): string => readFileSync(join(chart, path), 'utf8')
type Tree = { readonly [key: string]: unknown }
const values = parse(read('values.yaml')) as Tree
const schemaText = read('values.schema.json')
const schema = z.fromJSONSchema(JSON.parse(schemaText))
const templates = readdirSync(join(chart, 'templates')).map((name) => ({ name, text: read(`templates/${name}`) }))

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)
const at = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isTree(found) ? found[key] : undefined), tree)

/** Paths of everything that stands in a tree of values. */
const pathsOf = (tree: Tree, before: readonly string[] = []): readonly string[] =>
  Object.entries(tree).flatMap(([key, value]) => {
    const path = [...before, key]
    return isTree(value) && Object.keys(value).length > 0 ? pathsOf(value, path) : [path.join('.')]
  })

const changed = (path: string, value: unknown): Tree => {
  const copy = structuredClone(values) as { [key: string]: unknown }
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  const parent = at(copy, keys) as { [key: string]: unknown }
  parent[last] = value
  return copy
}

test('Chart.yaml is one, of the version of the program', () => {
  const root = parse(readFileSync(join(chart, '../../../package.json'), 'utf8')) as { readonly version: string }
  expect(parse(read('Chart.yaml'))).toMatchObject({ apiVersion: 'v2', name: 'holdfast', appVersion: root.version })
})

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: unknown
  readonly required?: readonly string[]
  readonly allOf?: readonly SchemaNode[]
}

/** Every object of the schema that says what may be in it, with the values that stand there. */
function* closedObjects(node: SchemaNode, tree: unknown, path: string): Iterable<readonly [string, SchemaNode, Tree]> {
  const { properties, additionalProperties } = node.allOf?.[0] ?? node
  if (properties === undefined || !isTree(tree)) return
  if (additionalProperties === false) yield [path, node.allOf?.[0] ?? node, tree]
  for (const [key, child] of Object.entries(properties)) yield* closedObjects(child, tree[key], `${path}.${key}`)
}

test('the values are as their schema says, and each of them has its place in it', () => {
  expect(schema.safeParse(values).error?.issues).toBeUndefined()
  const closed = [...closedObjects(JSON.parse(schemaText) as SchemaNode, values, 'values')]
  for (const [path, { properties = {}, required = [] }, tree] of closed) {
    // Helm's own, for every chart.
    const told = Object.keys(properties).filter((key) => path !== 'values' || key !== 'global')
    expect([path, told.sort()]).toEqual([path, Object.keys(tree).sort()])
    expect([path, [...required].sort()]).toEqual([path, told.filter((key) => key in tree).sort()])
  }
  expect(closed.length).toBeGreaterThan(20)
})

const wrong: readonly (readonly [string, unknown])[] = [
  ['logLevel', 'loud'],
  ['image.digest', 'latest'],
  ['image.pullPolicy', 'Sometimes'],
  ['tracing.sampleRatio', 2],
  ['tracing.otlpEndpoint', 'collector:4317'],
  ['tracing.otlpEndpoint', 'http://user:password@collector:4318'],
  ['globalPlane.replicas', 0],
  ['globalPlane.replicas', '3'],
  ['globalPlane.database.existingSecret', ''],
  ['globalPlane.database.existingSecret', 'postgres://user:password@host/db'],
  ['globalPlane.advertisedAddresses', ['grpc://in.the.clear:5685']],
  ['globalPlane.shutdownTimeoutMs', 5],
  ['globalPlane.zoneCertificateLifetime', 'a week'],
  ['globalPlane.extraEnv', [{ value: 'of nothing' }]],
  ['globalPlane.podDisruptionBudget.maxUnavailable', 0],
  // A zone without a name, a database and a bundle.
  ['zonePlane.enabled', true],
  ['zonePlane.name', 'East_1'],
]
test.each(wrong)('%s is not %j', (path, value) => {
  expect(schema.safeParse(changed(path, value)).success).toBe(false)
})

/** Which values a template asks for. `$plane` is the plane that the file is about; helpers are used by both. */
const askedFor = templates.flatMap(({ name, text }) => {
  const plane = name === 'global.yaml' ? ['globalPlane'] : name === 'zone.yaml' ? ['zonePlane'] : []
  const direct = [...text.matchAll(/\.Values\.([A-Za-z.]+)/g)].map(([, path = '']) => path)
  const ofPlane = [...text.matchAll(/\$plane\.([A-Za-z.]+)/g)].flatMap(([, path = '']) =>
    plane.map((one) => `${one}.${path}`),
  )
  const ofBoth = [...text.matchAll(/(?<![$A-Za-z])\.plane\.([A-Za-z.]+)/g)].flatMap(([, path = '']) => [
    `globalPlane.${path}`,
    `zonePlane.${path}`,
  ])
  return [...direct, ...ofPlane, ...ofBoth].map((path) => ({ name, path: path.replace(/\.$/, '') }))
})

test('whatever a template asks for is among the values, and no value is asked for by nobody', () => {
  const missing = askedFor.filter(({ path }) => at(values, path.split('.')) === undefined)
  expect(missing).toEqual([])
  const asked = new Set(askedFor.map(({ path }) => path))
  // Handed to a helper as a whole, which takes these from it.
  const helpers = templates.find(({ name }) => name === '_helpers.tpl')?.text ?? ''
  const taken = new Set([...helpers.matchAll(/(?<![A-Za-z$])\.([a-z][A-Za-z]*)\b/g)].map(([, key = '']) => key))
  const unused = pathsOf(values).filter((path) => {
    const keys = path.split('.')
    const isAsked = keys.some((_, index) => asked.has(keys.slice(0, index + 1).join('.')))
    return !isAsked && !taken.has(keys.at(-1) ?? '')
  })
  expect(unused).toEqual([])
})

test('blocks of a template end, and the helpers that it includes are there', () => {
  const defined = new Set(templates.flatMap(({ text }) => [...text.matchAll(/define "([^"]+)"/g)].map(([, n]) => n)))
  for (const { name, text } of templates) {
    const begun = text.match(/\{\{-? (?:if|with|range|define) /g)?.length ?? 0
    const ended = text.match(/\{\{-? end -?\}\}/g)?.length ?? 0
    expect([name, ended]).toEqual([name, begun])
    for (const [, used] of text.matchAll(/include "([^"]+)"/g))
      expect([name, defined.has(used ?? '')]).toEqual([name, true])
  }
})

test('every setting and flag in the templates is one of the program, and no secret is among the values', () => {
  const specs = (['global', 'zone'] as const).flatMap((command) => specsOf(command))
  const known = new Set(specs.map(({ env }) => env))
  const flags = new Set(specs.map(({ flag }) => flag))
  for (const { name, text } of templates) {
    const strange = (text.match(/HOLDFAST_[A-Z_]+/g) ?? []).filter((setting) => !known.has(setting))
    expect([name, strange]).toEqual([name, []])
    const unknown = (text.match(/(?<=args: \[[^\]]*)--[a-z-]+/g) ?? []).filter((flag) => !flags.has(flag))
    expect([name, unknown]).toEqual([name, []])
  }
  // What may hold a password comes from a Secret: by reference in the environment, or as a file.
  for (const { name, text } of templates)
    for (const { env } of specs.filter(({ secret }) => secret === true))
      if (env.startsWith('HOLDFAST_')) expect([name, text.includes(`${env}, value`)]).toEqual([name, false])
})

interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env: readonly { readonly name: string; readonly value?: unknown; readonly valueFrom?: object }[]
  readonly securityContext: object
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } }
  readonly volumeMounts: readonly { readonly name: string }[]
  readonly [probe: string]: unknown
}
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly selector?: Tree
    readonly podSelector?: { readonly matchLabels: Tree }
    readonly ports?: readonly { readonly targetPort: string }[]
    readonly ingress?: readonly { readonly ports: readonly { readonly port: string }[] }[]
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
    readonly template?: {
      readonly metadata: { readonly labels: Tree }
      readonly spec: {
        readonly automountServiceAccountToken: boolean
        readonly terminationGracePeriodSeconds: number
        readonly securityContext: Tree
        readonly containers: readonly Container[]
        readonly volumes: readonly { readonly name: string }[]
      }
    }
  }
}

const full: Tree = {
  image: { digest: `sha256:${'a'.repeat(64)}`, pullSecrets: [{ name: 'registry' }] },
  tracing: { otlpEndpoint: 'http://collector:4318', sampleRatio: 0.01 },
  metrics: { scrapeAnnotations: false },
  globalPlane: {
    replicas: 5,
    redis: { existingSecret: 'redis' },
    secretsKey: { existingSecret: 'sealing' },
    tls: { kds: { existingSecret: 'kds' }, api: { existingSecret: 'api' }, names: ['holdfast.example.com'] },
    advertisedAddresses: ['grpcs://holdfast.example.com:5685'],
    service: { type: 'LoadBalancer', annotations: { a: 'b' }, loadBalancerSourceRanges: ['10.0.0.0/8'] },
    nodeSelector: { disk: 'fast' },
    tolerations: [{ key: 'x', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    podAnnotations: { c: 'd' },
    extraEnv: [{ name: 'HOLDFAST_GUI', value: 'off' }],
    networkPolicy: { kdsFrom: [{ ipBlock: { cidr: '10.0.0.0/8' } }], apiFrom: [{ podSelector: {} }] },
  },
  zonePlane: {
    enabled: true,
    // YAML takes it for a truth, and Kubernetes must not.
    name: 'no',
    database: { existingSecret: '0123' },
    redis: { existingSecret: 'redis' },
    secretsKey: { existingSecret: 'sealing' },
    join: { existingSecret: 'bundle' },
    dns: { upstreams: ['10.0.0.10', '10.0.0.11:53'] },
    persistence: { storageClassName: 'fast' },
  },
}
const zoneAlone: Tree = {
  globalPlane: { enabled: false },
  zonePlane: {
    ...{ enabled: true, name: 'east', database: { existingSecret: 'db' }, join: { existingSecret: 'bundle' } },
    podDisruptionBudget: { enabled: false },
    networkPolicy: { enabled: false },
  },
}

const helm = process.env.HOLDFAST_HELM
describe.skipIf(helm === undefined)('rendered by helm (HOLDFAST_HELM)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-chart-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  function run(command: readonly string[], own: Tree) {
    const file = join(folder, 'values.yaml')
    // JSON: Helm reads YAML 1.1, to which `no` is no text.
    writeFileSync(file, JSON.stringify(own))
    const args = [...command, chart, '--namespace', 'mesh', '--kube-version', '1.31.0', '--values', file]
    const { status, stdout, stderr } = spawnSync(helm ?? '', args, { encoding: 'utf8' })
    return { status, stdout, stderr }
  }

  function rendered(own: Tree): readonly Manifest[] {
    const { status, stdout, stderr } = run(['template', 'hf'], own)
    expect([status, stderr]).toEqual([0, ''])
    return parseAllDocuments(stdout).flatMap((document) => {
      expect(document.errors).toEqual([])
      const manifest = document.toJS() as Manifest | null
      return manifest === null ? [] : [manifest]
    })
  }

  test.each([
    ['as it is', {}, ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service']],
    [
      'everything',
      full,
      [
        ...['Deployment', 'NetworkPolicy', 'NetworkPolicy', 'PodDisruptionBudget', 'PodDisruptionBudget'],
        ...['Service', 'Service', 'Service', 'StatefulSet'],
      ],
    ],
    ['a zone alone', zoneAlone, ['Service', 'Service', 'StatefulSet']],
  ] as const)('%s: what comes out is whole and as locked down as our other manifests', (_, own, kinds) => {
    const { status, stdout } = run(['lint', '--strict'], own)
    expect([status, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')])
    const manifests = rendered(own)
    expect(manifests.map(({ kind }) => kind).sort()).toEqual(kinds)
    const pods = manifests.flatMap(({ spec }) =>
      spec.template === undefined ? [] : [{ spec, template: spec.template }],
    )
    for (const { apiVersion, metadata } of manifests)
      expect([typeof apiVersion, typeof metadata.name, metadata.namespace]).toEqual(['string', 'string', 'mesh'])
    for (const { spec, template } of pods) {
      const { securityContext, containers, volumes, terminationGracePeriodSeconds } = template.spec
      expect(template.spec.automountServiceAccountToken).toBe(false)
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      const there = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(
        (v) => v.name,
      )
      for (const container of containers) {
        const ports = container.ports.map(({ name }) => name)
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          expect(ports).toContain(at(container[probe], ['httpGet', 'port']))
        expect(container.securityContext).toEqual({
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        })
        expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual([...there].sort())
        const env = new Map(container.env.map((one) => [one.name, one]))
        expect(env.size).toBe(container.env.length)
        expect(env.get('HOLDFAST_DATABASE_URL')?.valueFrom).toBeDefined()
        // Kubernetes takes text alone.
        for (const { name, value, valueFrom } of container.env)
          expect([name, typeof (value ?? valueFrom)]).toEqual([name, valueFrom === undefined ? 'string' : 'object'])
        const stopMs = Number(env.get('HOLDFAST_SHUTDOWN_TIMEOUT_MS')?.value)
        const waitMs = container.lifecycle.preStop.sleep.seconds * 1_000
        expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(stopMs + waitMs)
      }
    }
    // Services and policies speak of ports and pods that are there.
    for (const { kind, metadata, spec } of manifests) {
      const labels = spec.podSelector?.matchLabels ?? (kind === 'Service' ? spec.selector : undefined)
      if (labels === undefined) continue
      const mine = pods.filter(({ template }) =>
        Object.entries(labels).every(([key, value]) => template.metadata.labels[key] === value),
      )
      expect([metadata.name, mine.length]).toEqual([metadata.name, 1])
      const known = mine.flatMap(({ template }) => template.spec.containers.flatMap((c) => c.ports.map((p) => p.name)))
      const asked = [
        ...(spec.ports ?? []).map(({ targetPort }) => targetPort),
        ...(spec.ingress ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)),
      ]
      expect(known).toEqual(expect.arrayContaining(asked))
    }
  })

  test.each(wrong)('%s is not %j for helm either', (path, value) => {
    const { status, stderr } = run(['template', 'hf'], changed(path, value))
    expect([status === 0, stderr.includes("don't meet the specifications of the schema")]).toEqual([false, true])
  })
})
