import { expect, test } from 'vitest'
import { utf8 } from './bytes.js'
import { lanesOf } from './digest.js'
import { compileTemplate, renderTemplate } from './hostnames/template.js'
import { jsonSpec, receiptProblems, receiptWarnings } from './kinds/index.js'
import { convertKubernetes, placedText, readDocuments } from './kubernetes/index.js'
import type { Labels } from './labels.js'
import { moveProblem } from './moving/index.js'
import { Problem, problemOf, violationText } from './problems.js'
import { proxyAdminOf } from './proxy-admin.js'
import { parseBody } from './rest/index.js'
import { contributionsOf, MultiZoneIndex } from './services/index.js'
import { badSpecs } from './testing/bad-specs.js'
import { typeOf } from './types.js'
import { addressBytes, addressText, decodeVips } from './vips.js'
import { decodeKumaResource } from './wire.js'

// What this room finds wrong, as a person reads it, in one file. A test of the testkit reads off the source what there is; of
// that, what a real Kuma was asked stands in `rest-writes.ndjson`.

const at = { writer: { role: 'global' } } as const
const ofZone = { writer: { role: 'zone', zone: 'east', federated: true } } as const

function written(type: string, body: unknown, context: Parameters<typeof parseBody>[2] = at): readonly string[] {
  const result = parseBody(typeOf(type), body, context)
  switch (result.outcome) {
    case 'unreadable':
      return [result.reason]
    case 'invalid':
      return result.violations.map(violationText)
    case 'parsed':
      return result.body.warnings.map((warning) => `warning: ${warning}`)
  }
}

/** Short, so that the case and not its size is seen. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value)
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text
}

const ofType = (type: string, spec: unknown): object => {
  const { style, scope } = typeOf(type)
  const metadata = { type, name: 'bad', ...(scope === 'mesh' ? { mesh: 'default' } : {}) }
  return style === 'B' ? { ...metadata, spec } : { ...metadata, ...(spec as object) }
}

/** What a call that throws says. */
function thrown(call: () => unknown): readonly string[] {
  try {
    call()
    return ['nothing']
  } catch (error) {
    return [error instanceof Problem ? `${error.kind}: ${error.message}` : `not ours: ${String(error)}`]
  }
}

const service = (labels: object, spec: object = {}) => ({ ...ofType('MeshService', spec), labels })
const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) })
const long = 'x'.repeat(260)

const bodies: readonly (readonly [what: string, type: string, body: unknown, context?: typeof ofZone | typeof at])[] = [
  ['text that ends too early', 'Mesh', '{'],
  ['text with too many levels', 'Mesh', `${'['.repeat(150)}${']'.repeat(150)}`],
  ['a value with too many levels', 'MeshService', deep(150)],
  ['a value that JSON cannot say', 'Mesh', { type: 'Mesh', name: 'a', nope: Number.NaN }],
  ['no object', 'MeshService', []],
  ['metadata of other types', 'MeshService', { type: 1, name: 2, labels: [], kri: 3, snis: 4, status: 5, spec: 6 }],
  ['metadata of other types beside the spec', 'Mesh', { type: 'Mesh', name: 2, labels: { a: 1 } }],
  ['times that are none', 'MeshService', { ...service({}), creationTime: 'x', modificationTime: 1 }],
  ['no spec', 'MeshService', { type: 'MeshService', mesh: 'default', name: 'a' }],
  ['pins of a policy', 'MeshTimeout', { ...service({ 'holdfast.io/vip': '241.0.0.1' }), type: 'MeshTimeout' }],
  ['pins that are no addresses', 'MeshService', service({ 'holdfast.io/vip': 'x', 'holdfast.io/vip6': 'y' })],
  [
    'a pin of a headless service',
    'MeshService',
    service({ 'holdfast.io/vip': '241.0.0.1', 'k8s.kuma.io/is-headless-service': 'true' }),
  ],
  ['a quota of no zone', 'MeshService', service({ 'holdfast.io/quota-bytes': '1' })],
  [
    'brakes that are none',
    'Zone',
    {
      ...{ type: 'Zone', name: 'east' },
      labels: { 'holdfast.io/quota-bytes': 'x', 'holdfast.io/delete-protection': 'yes' },
    },
  ],
  ['labels that are none', 'MeshService', service({ [long]: 'x', 'a b': '-', '/a': 'x', 'a/b/c': long })],
  ['labels of another place', 'MeshService', service({ 'kuma.io/origin': 'moon', 'kuma.io/zone': 'west' }), ofZone],
  ['a label of another mesh', 'MeshService', service({ 'kuma.io/origin': 'zone', 'kuma.io/mesh': 'x' }), ofZone],
  ['a name that is too long', 'MeshTimeout', { type: 'MeshTimeout', mesh: long, name: long, spec: {} }, ofZone],
  ['a name that is none', 'Mesh', { type: 'Mesh', name: 'A_b' }],
  [
    'an authority that cannot be made',
    'Mesh',
    {
      ...{ type: 'Mesh', name: 'a' },
      mtls: {
        backends: [{ name: 'ca-1', type: 'builtin', conf: { caCert: { RSAbits: 512, expiration: 'soon' } } }],
      },
    },
  ],
  ['a name that no host can have', 'MeshService', { ...service({ 'kuma.io/display-name': '1.x' }), name: '1a' }],
  [
    'a workload that no host can have',
    'Dataplane',
    { ...ofType('Dataplane', {}), labels: { 'kuma.io/workload': 'A' } },
  ],
]

const kuberneted = (text: string): readonly string[] => {
  const { problems, warnings } = convertKubernetes(text, { file: 'a.yaml' })
  return [...problems, ...warnings.map((each) => ({ ...each, message: `warning: ${each.message}` }))].map(placedText)
}
const kubernetes = (spec: string, metadata = 'name: web'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {${metadata}}\nspec: {${spec}}\n`
const manifests: readonly (readonly [what: string, text: string])[] = [
  ['a Service without a name', kubernetes('', '')],
  ['an alias', kubernetes('type: ExternalName, externalName: a.b')],
  ['ports that are no list', kubernetes('ports: 1')],
  ['ports that are none', kubernetes('ports: [1, {port: x}]')],
  ['ports of other protocols', kubernetes('ports: [{port: 53, protocol: UDP}]')],
  ['protocols that nobody knows', kubernetes('ports: [{port: 80, appProtocol: quic, name: 1, targetPort: []}]')],
  ['no selector', kubernetes('ports: [{port: 80}]')],
  ['metadata of other types', kubernetes('selector: {a: 1}', 'name: 1, labels: []')],
  ['two of one name', `${kubernetes('selector: {a: b}')}---\n${kubernetes('selector: {a: b}')}`],
  ['no Service', 'apiVersion: 1\n'],
  ['a list without items', 'apiVersion: v1\nkind: List\n'],
  ['no YAML', 'a: [\n'],
  ['a document that is no object', '- 1\n'],
  ['a tag that nobody knows', 'a: !x 1\n'],
]

const received = (type: string, typeUrl: string, spec: Uint8Array, name = 'bad') => {
  const given = { type, mesh: 'default', name, labels: {}, typeUrl, spec }
  return [...receiptProblems(given), ...receiptWarnings(given)].map(violationText)
}
const ofMesh = 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh'

const rendered = (template: string): readonly string[] => {
  const result = renderTemplate(compileTemplate(template), {}, () => undefined)
  return [result.outcome === 'failed' ? result.reason : result.text]
}

const inbound = { port: 80, name: '', protocol: '', isReady: true }
/** What is said of the services that the inbounds of a proxy make. */
const contributed = (...tags: readonly Labels[]): readonly string[] =>
  contributionsOf({
    ...{ mesh: 'default', name: 'web', labels: {}, createdAtMs: 0 },
    inbounds: tags.map((each) => ({ ...inbound, tags: each })),
  }).problems.map(({ reason, message }) => `${reason}: ${message}`)

/** Where the reader gave up depends on its stack; that it says so once is enough. */
const endless = (): readonly string[] => {
  const { problems } = readDocuments(`a: ${'['.repeat(20_000)}`, 'a.yaml')
  return problems.map(({ message }) => message).filter((message, index, all) => all.indexOf(message) === index)
}

/** What a MeshMultiZoneService says of the services that it matches. */
const matched = (...candidates: ConstructorParameters<typeof MultiZoneIndex>): readonly string[] => {
  const spec = utf8(
    '{"selector":{"meshService":{"matchLabels":{"app":"web"}}},"ports":[{"port":80,"appProtocol":"http"}]}',
  )
  const { reason, message } = new MultiZoneIndex(...candidates).statusOf({ mesh: 'default', spec }).condition
  return [`${String(reason)}: ${String(message)}`]
}

const others: readonly (readonly [what: string, said: () => readonly string[]])[] = [
  ['a type that nobody knows', () => thrown(() => typeOf('Nope'))],
  ['a spec of ours that is wrong', () => thrown(() => jsonSpec(typeOf('VipPool'), { kind: 'Mesh' }))],
  ['a spec of ours with too many levels', () => thrown(() => jsonSpec(typeOf('VipPool'), deep(150) as never))],
  ['a spec of ours that is no JSON', () => thrown(() => jsonSpec(typeOf('Mesh'), {}))],
  ['received: no JSON', () => received('MeshTimeout', '', utf8('x'))],
  ['received: another message', () => received('Zone', ofMesh, new Uint8Array())],
  ['received: bytes that are no message', () => received('Mesh', ofMesh, Uint8Array.of(0xff))],
  ['received: a name that no host can have', () => received('MeshService', '', utf8('{}'), '1web')],
  ['a Kuma resource that is no protobuf', () => thrown(() => decodeKumaResource(Uint8Array.of(0xff)))],
  ['a Kuma resource without metadata', () => thrown(() => decodeKumaResource(new Uint8Array()))],
  ['VIPs that are no protobuf', () => thrown(() => decodeVips(Uint8Array.of(0xff)))],
  ['VIPs with a field that nobody knows', () => thrown(() => decodeVips(Uint8Array.of(0x4a, 0)))],
  ['an address that is none', () => thrown(() => addressBytes('10.0.0'))],
  ['the bytes of no address', () => thrown(() => addressText(Uint8Array.of(1, 2)))],
  ['the bytes of no digest', () => thrown(() => lanesOf(Uint8Array.of(1)))],
  ['the admin interface of what is no proxy', () => thrown(() => proxyAdminOf('Mesh', new Uint8Array()))],
  [
    "a Kuma global's, moved to a zone",
    () => [moveProblem({ zone: '' }, { mode: 'zone', zone: 'east' } as never) ?? ''],
  ],
  ["a Kuma zone's, moved to another", () => [moveProblem({ zone: 'a' }, { mode: 'zone', zone: 'b' } as never) ?? '']],
  ['YAML with levels without end', () => endless().slice(0, 1)],
  ['a label that is not there', () => rendered('{{ label "team" }}')],
  ['a service of a proxy that no host can be called', () => contributed({ 'kuma.io/service': 'A_b' })],
  ['services of several zones', () => matched([{ mesh: 'default', name: 'web', labels: { app: 'web' } }])],
  ['services of several zones, and none of them', () => matched()],
  [
    'two inbounds of one port',
    () => contributed({ 'kuma.io/service': 'a', v: '1' }, { 'kuma.io/service': 'a', v: '2' }),
  ],
  [
    'what is not ours',
    () =>
      thrown(() => {
        throw problemOf(new Error('a secret'))
      }),
  ],
]

const printed = [
  ...badSpecs.map(([type, spec]) => [`# ${type} ${shown(spec)}`, ...written(type, ofType(type, spec))]),
  ...bodies.map(([what, type, body, context]) => [`# ${what}: a ${type}`, ...written(type, body, context)]),
  ...manifests.map(([what, text]) => [`# Kubernetes: ${what}`, ...kuberneted(text)]),
  ...others.map(([what, said]) => [`# ${what}`, ...said()]),
]
  .map((lines) => lines.join('\n'))
  .join('\n\n')

test('what is found wrong is said as it stands in the golden file', () => {
  expect(`${printed}\n`).toBeGolden('errors.txt')
})

test('every case says something', () => {
  expect(printed.split('\n\n').filter((block) => !block.includes('\n'))).toEqual([])
  expect(printed).not.toMatch(/^nothing$|^not ours/m)
})
