import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { JsonObject } from '../kinds/json.js'
import { convertKubernetes, isKubernetesDocument, skippedText } from './convert.js'
import { placedText } from './documents.js'

const file = 'in.yaml'
const convert = (text: string) => {
  const { resources, problems, warnings, skipped } = convertKubernetes(text, { file })
  return {
    objects: resources.map(({ object }) => object),
    problems: problems.map(placedText),
    warnings: warnings.map(placedText),
    skipped,
  }
}

const example = (name: string) =>
  convertKubernetes(readFileSync(new URL(`../../../../examples/${name}`, import.meta.url), 'utf8'), { file: name })

test('the twelve Services of Online Boutique', () => {
  const { resources, problems, warnings, ...rest } = example('online-boutique.k8s.yaml')
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  expect(skippedText(rest)).toBe('skipped 12 Deployment, 11 ServiceAccount: only Services become MeshServices')
  const ports = ({ spec }: JsonObject) =>
    (spec as { readonly ports: readonly Record<string, unknown>[] }).ports
      .map(({ port, targetPort, appProtocol }) => `${port} ${targetPort} ${appProtocol}`)
      .join()
  expect(Object.fromEntries(resources.map(({ object }) => [object.name, ports(object)]))).toEqual({
    adservice: '9555 9555 grpc',
    cartservice: '7070 7070 grpc',
    checkoutservice: '5050 5050 grpc',
    currencyservice: '7000 7000 grpc',
    emailservice: '5000 8080 grpc',
    frontend: '80 8080 http',
    'frontend-external': '80 8080 http',
    paymentservice: '50051 50051 grpc',
    productcatalogservice: '3550 3550 grpc',
    recommendationservice: '8080 8080 grpc',
    'redis-cart': '6379 6379 tcp',
    shippingservice: '50051 50051 grpc',
  })
})

test('the four Services of Bookinfo, and one of them whole', () => {
  const { resources, problems, warnings } = example('bookinfo.k8s.yaml')
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  expect(resources.map(({ object }) => object.name)).toEqual(['details', 'ratings', 'reviews', 'productpage'])
  expect(resources[0]).toEqual({
    object: {
      type: 'MeshService',
      mesh: 'default',
      name: 'details',
      labels: {
        app: 'details',
        service: 'details',
        'kuma.io/display-name': 'details',
        'k8s.kuma.io/namespace': 'default',
        'k8s.kuma.io/service-name': 'details',
        'k8s.kuma.io/is-headless-service': 'false',
        'kuma.io/env': 'universal',
      },
      spec: {
        selector: { dataplaneLabels: { matchLabels: { app: 'details' } } },
        ports: [{ name: 'http', port: 9080, targetPort: 9080, appProtocol: 'http' }],
      },
    },
    place: { file: 'bookinfo.k8s.yaml', document: 1, line: 32, column: 1 },
  })
})

const service = (spec: string, metadata = 'name: web') => `apiVersion: v1
kind: Service
metadata: {${metadata}}
spec: ${spec}
`

test('a namespace becomes part of the stored name and a label', () => {
  const { objects } = convert(
    service('{selector: {app: web}}', 'name: web, namespace: shop, labels: {kuma.io/mesh: m}'),
  )
  expect(objects).toEqual([
    {
      type: 'MeshService',
      mesh: 'm',
      name: 'web.shop',
      labels: {
        'kuma.io/mesh': 'm',
        'kuma.io/display-name': 'web',
        'k8s.kuma.io/namespace': 'shop',
        'k8s.kuma.io/service-name': 'web',
        'k8s.kuma.io/is-headless-service': 'false',
        'kuma.io/env': 'universal',
      },
      spec: { selector: { dataplaneLabels: { matchLabels: { app: 'web' } } } },
    },
  ])
})

test.each([
  ['name: http', 'http'],
  ['name: http2-web', 'http2'],
  ['name: grpc-web', 'grpc'],
  ['name: tcp', 'tcp'],
  ['name: https', 'tcp'],
  ['name: metrics', 'tcp'],
  ['name: http, appProtocol: grpc', 'grpc'],
  ['name: a, appProtocol: HTTP', 'http'],
  ['name: a, appProtocol: kubernetes.io/h2c', 'http2'],
  ['name: a, appProtocol: https', 'tcp'],
])('a port with %s speaks %s', (port, protocol) => {
  const { objects, warnings } = convert(service(`{selector: {a: b}, ports: [{port: 80, ${port}}]}`))
  expect(objects[0]?.spec).toMatchObject({ ports: [{ port: 80, targetPort: 80, appProtocol: protocol }] })
  expect(warnings).toEqual([])
})

test('named target ports stay names, and headless services say so', () => {
  const { objects } = convert(service('{clusterIP: None, selector: {a: b}, ports: [{port: 80, targetPort: web}]}'))
  expect(objects[0]).toMatchObject({
    labels: { 'k8s.kuma.io/is-headless-service': 'true' },
    spec: { ports: [{ port: 80, targetPort: 'web', appProtocol: 'tcp' }] },
  })
})

test('what is not TCP is left out with a warning, and a Service of nothing else altogether', () => {
  const mixed = service('{selector: {a: b}, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]}')
  expect(convert(mixed)).toMatchObject({
    objects: [{ spec: { ports: [{ name: 'dns-tcp', port: 53, targetPort: 53, appProtocol: 'tcp' }] } }],
    problems: [],
    warnings: ['in.yaml:4:34: port "dns" is left out: UDP does not go through a mesh'],
  })
  expect(convert(service('{selector: {a: b}, ports: [{port: 53, protocol: SCTP}]}'))).toEqual({
    objects: [],
    problems: [],
    warnings: [
      'in.yaml:4:34: port 53 is left out: SCTP does not go through a mesh',
      'in.yaml:4:33: Service "web" is left out: none of its ports is TCP',
    ],
    skipped: [],
  })
})

test('without a selector there is a warning, as for an unknown protocol', () => {
  expect(convert(service('{ports: [{port: 80, appProtocol: smtp}]}')).warnings).toEqual([
    'in.yaml:4:40: appProtocol "smtp" is not known and is treated as tcp',
    'in.yaml:4:7: Service "web" has no selector, so no proxy serves it',
  ])
})

test('ExternalName is refused with the reason', () => {
  expect(convert(service('{type: ExternalName, externalName: db.example.com}'))).toMatchObject({
    objects: [],
    problems: [
      'in.yaml:4:14: Service "web" is of type ExternalName: it is an alias in DNS and has no proxies; write a MeshExternalService for "db.example.com" instead',
    ],
  })
})

test('every problem of a file comes with its place', () => {
  const text = `${service('{ports: [{port: 80}, {port: 70000}, {port: 80}]}', 'name: 1Bad')}---
kind: Service
---
${service('{ports: {a: b}, selector: {a: 1}}', 'namespace: shop')}---
a: [
---
apiVersion: kuma.io/v1alpha1
kind: MeshTimeout
metadata: {name: t}
---
just text
`
  expect(convert(text)).toEqual({
    objects: [],
    problems: [
      'in.yaml:14:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
      'in.yaml:19:1: is not an object: a resource is a map of fields',
      'in.yaml:4:35: Service as MeshService: spec.ports[1].port: must be between 1 and 65535',
      'in.yaml:4:43: Service as MeshService: spec.ports[2]: port 80 with protocol tcp is already defined by spec.ports[0]',
      "in.yaml:3:18: Service as MeshService: name: invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      'in.yaml:6:1: is not a Kubernetes object: it needs apiVersion and kind',
      'in.yaml:10:11: metadata.name is missing: a Service needs a name',
      'in.yaml:11:37: a must be text: write "1"',
      'in.yaml:11:15: spec.ports must be a list',
      'in.yaml:15:1: MeshTimeout of kuma.io/v1alpha1 is not converted: write it in universal form (type, mesh, name, spec)',
    ],
    warnings: ['in.yaml:4:7: Service "1Bad" has no selector, so no proxy serves it'],
    skipped: [],
  })
})

test('lists are converted item by item', () => {
  const item = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { a: 'b' } },
  })
  const list = { apiVersion: 'v1', kind: 'List', items: [item('a'), { apiVersion: 'v1', kind: 'Secret' }, item('a')] }
  expect(convert(JSON.stringify(list, null, 1))).toMatchObject({
    objects: [{ name: 'a' }, { name: 'a' }],
    problems: [expect.stringMatching(/^in.yaml:\d+:\d+: Service "a" is already defined in line 5$/)],
    skipped: [{ kind: 'Secret', count: 1 }],
  })
  const { kind: _, apiVersion: __, ...bare } = item('b')
  expect(convert(JSON.stringify({ apiVersion: 'v1', kind: 'ServiceList', items: [bare] })).objects).toMatchObject([
    { name: 'b' },
  ])
})

test('Kubernetes and Holdfast documents are told apart', () => {
  expect(isKubernetesDocument({ apiVersion: 'v1', kind: 'Service' })).toBe(true)
  expect(isKubernetesDocument({ type: 'MeshService', name: 'web' })).toBe(false)
  expect(isKubernetesDocument(null)).toBe(false)
})
