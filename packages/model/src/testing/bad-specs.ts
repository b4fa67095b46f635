/** A body of one type that says something wrong: of a type with `spec` that alone, of the others the fields beside the metadata. */
export type BadSpec = readonly [type: string, spec: unknown]

const mesh = { kind: 'Mesh' }
const gateway = { kind: 'MeshGateway', name: 'edge' }
const sidecars = { kind: 'Mesh', proxyTypes: ['Sidecar'] }
const route = { kind: 'MeshHTTPRoute', name: 'r' }
const proxy = { kind: 'Dataplane', name: 'p' }
const any = (conf: unknown) => [{ targetRef: mesh, default: conf }]
const client = { spiffeID: { type: 'Exact', value: 'spiffe://mesh/web' } }
const longest = { interval: '1s', num: 0 }

const legacyTypes = [
  ...[
    'CircuitBreaker',
    'FaultInjection',
    'HealthCheck',
    'MeshGateway',
    'MeshGatewayRoute',
    'ProxyTemplate',
    'RateLimit',
  ],
  ...['Retry', 'Timeout', 'TrafficLog', 'TrafficPermission', 'TrafficRoute', 'TrafficTrace', 'VirtualOutbound'],
]

const backendsOf = (...backends: readonly unknown[]) => ({ to: any({ backends }) })
const passed = (...appendMatch: readonly unknown[]) => ({ targetRef: mesh, default: { appendMatch } })
const modified = (...appendModifications: readonly unknown[]) => ({ targetRef: mesh, default: { appendModifications } })
const traced = (given: unknown) => ({ targetRef: mesh, default: given })
const provided = (provider: unknown) => ({ selector: {}, provider })
const authority = (certificate: unknown, privateKey?: unknown) =>
  provided({ type: 'Bundled', bundled: { ca: { certificate, ...(privateKey === undefined ? {} : { privateKey }) } } })
const balanced = (conf: unknown, targetRef: unknown = mesh) => ({ targetRef: mesh, to: [{ targetRef, default: conf }] })
const routed = (rule: object, top: unknown = mesh) => ({
  targetRef: top,
  to: [
    {
      targetRef: top === gateway ? mesh : { kind: 'MeshService', name: 'web' },
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], default: {}, ...rule }],
    },
  ],
})
const template = (text: string) => ({ selector: { meshService: {} }, template: text })
const inbound = (given: object) => ({ networking: { address: '10.0.0.1', inbound: [{ port: 80, ...given }] } })
const listener = (given: object) => ({ type: 'ZoneIngress', address: '10.0.0.1', port: 10001, ...given })

/**
 * What is wrong with specs beyond what a real Kuma was asked (`rest-writes.ndjson`), type by type, so that together each rule
 * of each kind speaks once.
 */
export const badSpecs: readonly BadSpec[] = [
  // Values of another JSON type than the schema's, and what only the schema asks for.
  ['MeshService', { ports: { port: 80 }, selector: { dataplaneTags: 'web' } }],
  ['MeshService', { ports: [{ port: 80, targetPort: true }, { port: 8.5 }, { port: 3_000_000_000 }] }],
  ['MeshTimeout', { to: any({ idleTimeout: 'soon', connectionTimeout: '5', http: { requestTimeout: '1x' } }) }],
  [
    'MeshExternalService',
    { match: { port: 443, protocol: 'udp' }, tls: { verification: { caCert: { inline: '§' } } } },
  ],
  ['MeshTCPRoute', { to: [] }],
  ['MeshTrust', { trustDomain: 'x'.repeat(254), caBundles: [] }],
  ['MeshZoneAddress', { address: '', port: 0 }],
  ['MeshLoadBalancingStrategy', balanced({ loadBalancer: { type: 'RingHash', ringHash: { minRingSize: 9_000_000 } } })],
  ['MeshTrace', traced({ backends: [{ type: 'Zipkin' }, { type: 'Datadog' }] })],
  ['MeshHTTPRoute', routed({ default: { filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'Not a host' } }] } })],
  ['MeshTimeout', { to: [{ big: 9_007_199_254_740_992, targetRef: mesh, default: { idleTimeout: '1s' } }] }],

  // What policies are about.
  ['MeshRetry', { targetRef: { kind: 'Mesh', proxyTypes: [] }, to: any({ tcp: { maxConnectAttempt: 1 } }) }],
  ['MeshRetry', { targetRef: { kind: 'MeshSubset', tags: { a: 'b c', '': 'x', 'a b': '' } }, to: any({ tcp: {} }) }],
  ['MeshRetry', { targetRef: { kind: 'MeshService', name: 'Web', labels: { a: 'b' } }, to: [] }],
  ['MeshRetry', { targetRef: { kind: 'MeshServiceSubset', tags: { a: 'b' } }, to: [] }],
  ['MeshRetry', { targetRef: { kind: 'MeshGateway', tags: { a: 'b' } }, to: [] }],
  ['MeshRetry', { targetRef: route, to: any({ http: { numRetries: 1 } }) }],
  ['MeshRetry', { to: [{ targetRef: { kind: 'MeshExternalService', name: 'x', labels: { a: 'b' } }, default: {} }] }],
  ['MeshProxyPatch', { targetRef: { ...gateway, tags: { a: 'b' } }, default: { appendModifications: [] } }],

  [
    'MeshAccessLog',
    { to: any({}), from: any({ backends: [{ type: 'OpenTelemetry', openTelemetry: { endpoint: 'a:1' } }] }) },
  ],
  ['MeshAccessLog', backendsOf({ type: 'File' }, { type: 'Tcp' }, { type: 'OpenTelemetry' })],
  [
    'MeshAccessLog',
    backendsOf(
      { type: 'File', file: { path: 'log', format: { type: 'Plain' } } },
      { type: 'Tcp', tcp: { address: ':80', format: { type: 'Plain', plain: '' } } },
      { type: 'File', file: { path: '/log', format: { type: 'Json' } } },
      { type: 'File', file: { path: '/log', format: { type: 'Json', json: [] } } },
      {
        type: 'File',
        file: {
          path: '/log',
          format: {
            type: 'Json',
            json: [
              { key: '', value: '' },
              { key: '"', value: 'x' },
            ],
          },
        },
      },
    ),
  ],
  [
    'MeshAccessLog',
    backendsOf(
      { type: 'OpenTelemetry', openTelemetry: {} },
      { type: 'OpenTelemetry', openTelemetry: { endpoint: 'a:1', backendRef: { kind: 'MeshOpenTelemetryBackend' } } },
      { type: 'OpenTelemetry', openTelemetry: { backendRef: { kind: 'MeshOpenTelemetryBackend' } } },
      { type: 'OpenTelemetry', openTelemetry: { endpoint: 'http://a:1/x' } },
      { type: 'OpenTelemetry', openTelemetry: { endpoint: 'a:1', attributes: [{ key: 'otel.name', value: 'x' }] } },
    ),
  ],
  [
    'MeshCircuitBreaker',
    { to: any({ outlierDetection: { detectors: { successRate: { standardDeviationFactor: 0 } } } }) },
  ],
  ['MeshFaultInjection', { targetRef: mesh, from: any({ http: [{ abort: { httpStatus: 99, percentage: 1 } }] }) }],
  ['MeshFaultInjection', { targetRef: sidecars, to: any({ http: [] }), from: any({ http: [] }) }],
  [
    'MeshFaultInjection',
    {
      targetRef: sidecars,
      rules: [
        {
          matches: [{ sni: { type: 'Exact', value: '' } }],
          default: {
            http: [
              { responseBandwidth: { limit: '', percentage: 1 } },
              { responseBandwidth: { limit: '50mb', percentage: 1 } },
            ],
          },
        },
      ],
    },
  ],
  ['MeshFaultInjection', { targetRef: sidecars, from: any({ http: [] }) }],
  ['MeshFaultInjection', { targetRef: sidecars, from: any({ http: [] }), rules: [{ default: { http: [] } }] }],
  ['MeshHealthCheck', { to: any({ tcp: {}, healthyPanicThreshold: 50 }) }],
  [
    'MeshHealthCheck',
    { to: any({ http: { path: '', expectedStatuses: [600] }, healthyPanicThreshold: 50, eventLogPath: 'log' }) },
  ],
  ['MeshHealthCheck', { to: any({ interval: '1s' }) }],
  ['MeshHealthCheck', { to: any({ tcp: {}, unhealthyThreshold: 0 }) }],
  ['MeshHTTPRoute', routed({}, gateway)],
  [
    'MeshHTTPRoute',
    routed({
      default: { filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'a.b', hostToBackendHostname: true } }] },
    }),
  ],
  ['MeshIdentity', { selector: {}, spiffeID: { trustDomain: '{{ .Mesh', path: '{{ nope }}' } }],
  ['MeshIdentity', provided({ type: 'Spire' })],
  ['MeshIdentity', provided({ type: 'Extension' })],
  ['MeshIdentity', provided({ type: 'Extension', extension: { name: '' } })],
  ['MeshIdentity', authority({ type: 'File' })],
  ['MeshIdentity', authority({ type: 'File', file: { path: '' } }, { type: 'File', file: { path: '/etc/../key' } })],
  ['MeshIdentity', authority({ type: 'File', file: { path: 'key' } }, { type: 'EnvVar' })],
  ['MeshIdentity', authority({ type: 'EnvVar', envVar: { name: '' } }, { type: 'InsecureInline' })],
  ['MeshIdentity', authority({ type: 'InsecureInline', insecureInline: { value: '' } }, { type: 'Secret' })],
  ['MeshIdentity', authority({ type: 'Secret', secretRef: { kind: 'Secret', name: '' } })],
  ['MeshLoadBalancingStrategy', balanced({ loadBalancer: { type: 'Random' }, localityAwareness: {} }, route)],
  [
    'MeshLoadBalancingStrategy',
    balanced({
      loadBalancer: { type: 'RingHash', ringHash: { hashPolicies: [{ type: 'SourceIP', connection: {} }] } },
      hashPolicies: [{ type: 'Connection' }],
    }),
  ],
  [
    'MeshLoadBalancingStrategy',
    balanced({
      loadBalancer: { type: 'Maglev', maglev: { hashPolicies: [{ type: 'SourceIP', connection: {} }] } },
      hashPolicies: [{ type: 'Cookie', cookie: { name: 'c', path: 'x' } }],
    }),
  ],
  ...[
    { type: 'RingHash', ringHash: { hashPolicies: [{ type: 'SourceIP', connection: {} }] } },
    { type: 'Maglev', maglev: { hashPolicies: [{ type: 'SourceIP', connection: {} }] } },
  ].map((loadBalancer): BadSpec => ['MeshLoadBalancingStrategy', balanced({ loadBalancer })]),
  [
    'MeshLoadBalancingStrategy',
    balanced({ loadBalancer: { type: 'LeastRequest', leastRequest: { activeRequestBias: 'x' } } }),
  ],
  [
    'MeshMetric',
    traced({ sidecar: { profiles: { exclude: [{ type: 'Regex', match: '(' }] } }, applications: [{ port: 0 }] }),
  ],
  ['MeshMetric', traced({ backends: [{ type: 'Prometheus' }, { type: 'OpenTelemetry' }] })],
  ['MeshMetric', traced({ backends: [{ type: 'OpenTelemetry', openTelemetry: { endpoint: 'collector' } }] })],
  ['MeshOpenTelemetryBackend', { endpoint: { address: '', port: 70_000, path: '/x' } }],
  ['MeshOpenTelemetryBackend', { endpoint: { address: 'a b', path: 'x?y' }, protocol: 'http' }],
  [
    'MeshPassthrough',
    passed(
      { type: 'IP', value: 'x', protocol: 'mysql' },
      { type: 'CIDR', value: '10.0.0.0', port: 0 },
      { type: 'Domain', value: 'a.b', port: 80, protocol: 'http' },
      { type: 'Domain', value: 'a.b', port: 80, protocol: 'http' },
      { type: 'Domain', value: 'c.d', port: 80, protocol: 'grpc' },
      { type: 'Domain', value: '*a.b', protocol: 'tcp', port: 81 },
      { type: 'Domain', value: '*.a.b', protocol: 'http' },
      { type: 'Domain', value: 'a b', protocol: 'tls' },
    ),
  ],
  ['MeshProxyPatch', modified()],
  ['MeshProxyPatch', modified({})],
  [
    'MeshProxyPatch',
    modified(
      { virtualHost: { operation: 'Add', match: { name: 'v' }, value: 'a: b' } },
      { cluster: { operation: 'Add', match: { name: 'c' } } },
      { cluster: { operation: 'Add', value: '[]' } },
      { cluster: { operation: 'Remove', value: 'a: b' } },
      { httpFilter: { operation: 'AddBefore', value: 'a: b' } },
      { httpFilter: { operation: 'AddAfter', value: 'a: b' } },
      { networkFilter: { operation: 'Patch' } },
      { cluster: { operation: 'Patch', value: 'a: b', jsonPatches: [{ op: 'add', path: '/a' }] } },
      {
        cluster: {
          operation: 'Patch',
          jsonPatches: [
            { op: 'move', path: '/a' },
            { op: 'add', path: '/a', from: '/b' },
            { op: 'remove', path: '/', value: 1 },
          ],
        },
      },
    ),
  ],
  ['MeshRateLimit', { targetRef: mesh, from: any({}), rules: [{ default: { local: {} } }] }],
  [
    'MeshRateLimit',
    { targetRef: sidecars, to: any({}), rules: [{ matches: [client], default: { local: { tcp: {} } } }] },
  ],
  ['MeshRateLimit', { targetRef: sidecars, rules: [{ matches: [{}], default: {} }, { default: { local: {} } }] }],
  [
    'MeshRateLimit',
    { targetRef: gateway, to: any({ local: { http: { onRateLimit: { status: 0 }, requestRate: longest }, tcp: {} } }) },
  ],
  [
    'MeshRateLimit',
    { targetRef: gateway, to: any({ local: { http: {}, tcp: { connectionRate: { num: 1, interval: '50ms' } } } }) },
  ],
  [
    'MeshRateLimit',
    { targetRef: sidecars, rules: [{ default: { local: { http: { onRateLimit: { status: 300 } } } } }] },
  ],
  ['MeshRetry', { to: any({ http: { rateLimitedBackOff: { maxInterval: '0s' } } }) }],
  ['MeshTCPRoute', { to: [{ targetRef: { kind: 'MeshService', name: 'web' }, rules: [{ default: {} }] }] }],
  ['MeshTimeout', { targetRef: route, from: any({ idleTimeout: '1s', http: { maxStreamDuration: '1s' } }) }],
  ['MeshTimeout', { targetRef: route, to: any({ idleTimeout: '1s', http: { maxStreamDuration: '1s' } }) }],
  [
    'MeshTimeout',
    { rules: [{ matches: [client], default: { idleTimeout: '1s', http: { maxStreamDuration: '1s' } } }] },
  ],
  [
    'MeshTLS',
    { targetRef: proxy, rules: [{ default: { tlsCiphers: ['ECDHE-RSA-AES128-GCM-SHA256'], tlsVersion: {} } }] },
  ],
  ['MeshTLS', { from: any({ mode: 'Strict' }) }],
  ['MeshTLS', { from: any({ mode: 'Strict' }), rules: [{ default: { mode: 'Strict' } }] }],
  ['MeshTrace', traced({ sampling: { overall: 'x', client: 101 }, tags: [{ name: '' }] })],
  ...['OpenTelemetry', 'Zipkin', 'Datadog'].map((type): BadSpec => ['MeshTrace', traced({ backends: [{ type }] })]),
  ['MeshTrace', traced({ backends: [{ type: 'OpenTelemetry', openTelemetry: { endpoint: 'a:1' } }] })],
  ['MeshTrace', traced({ backends: [{ type: 'Zipkin', zipkin: { url: '' } }] })],
  ['MeshTrace', traced({ backends: [{ type: 'Zipkin', zipkin: { url: 'a b' } }] })],
  ...['x', 'https://u@a/x?y#z', 'http://a:0'].map(
    (url): BadSpec => ['MeshTrace', traced({ backends: [{ type: 'Datadog', datadog: { url } }] })],
  ),
  ['MeshTrafficPermission', { from: [{ targetRef: { kind: 'MeshService', name: 'a' }, default: {} }] }],
  ...[
    'spiffe://',
    'spiffe://A/x',
    'spiffe://a//x',
    'spiffe://a/../x',
    'spiffe://a/x y',
    'spiffe://a/x/',
    'http://a',
    '',
  ].map(
    (value): BadSpec => [
      'MeshTrafficPermission',
      { rules: [{ default: { allow: [{ spiffeID: { type: 'Exact', value } }] } }] },
    ],
  ),
  ['MeshTrust', { trustDomain: '', caBundles: [{ type: 'Pem' }, { type: 'Pem', pem: { value: 'x' } }] }],
  ['MeshExternalService', { match: { port: 443 }, extension: { type: '' } }],
  [
    'MeshExternalService',
    { match: { port: 443 }, endpoints: [], tls: { verification: { clientKey: { secret: 's' }, serverName: 'a b' } } },
  ],
  [
    'MeshExternalService',
    { match: { port: 443 }, endpoints: [{ address: '10.0.0.1', port: 80, priority: 129, locality: { zone: '' } }] },
  ],
  ['MeshService', { ports: [{ port: 80, targetPort: 70_000 }] }],

  // Templates of names.
  ['HostnameGenerator', { ...template('a'), extension: { type: '' } }],
  ...[
    ...['a{{', '{{ "a }}', '{{ end }}', '{{ if .Name }}', '{{ if .Name }}a{{ else .Name }}{{ end }}'],
    ...['{{ if .Name }}a{{ else }}b', '{{ .Name ) }}', '{{ .Name | .Zone }}', '{{ }}', '{{ .Name .Zone }}'],
    ...[
      '{{ print ( }}',
      '{{ (.Name }}',
      '{{ print ) }}',
      '{{ | }}',
      '{{ nope }}',
      '{{ $x }}',
      '{{ index .Name 0 }}',
      '{{ # }}',
    ],
    ...['{{ range .Name }}{{ end }}', 'x'.repeat(4097), '{{ .Nope }}', '{{ label 1 }}', '{{ len }}', '{{ not }}'],
    ...['{{ eq .Name 1 }}', '{{ printf "%d" .Name }}', '{{ printf "a" .Name }}', '{{ "\\q" }}', 'A_{{ .Name }}', ''],
  ].map((text): BadSpec => ['HostnameGenerator', template(text)]),

  // Holdfast's own.
  ['VipPool', { kind: 'MeshService', family: 4, cidr: '241.0.0.1/8', reserved: ['fd00::/8'] }],
  ['VipPool', { kind: 'MeshService', family: 6, cidr: '241.0.0.0/8', reserved: [] }],
  ['VipBlock', { kind: 'MeshService', family: 4, cidr: '241', owner: '', storeId: 's', generation: 0 }],
  ['GlobalEndpoints', { addresses: [] }],
  ['GlobalEndpoints', { addresses: ['http://a:1', ...Array.from({ length: 32 }, () => 'grpcs://a:1')] }],

  // Kinds in protobuf.
  ...legacyTypes.map((type): BadSpec => [type, {}]),
  ['TrafficPermission', { sources: [{ match: {} }], destinations: [{ match: { '': 'a', 'a b': '', c: 'x y' } }] }],
  ['TrafficRoute', { sources: [{ match: { a: 'b' } }], destinations: [{ match: { a: 'b' } }], conf: {} }],
  ['Dataplane', { networking: { address: '10.0.0.1', gateway: { type: 'DELEGATED' }, listeners: [listener({})] } }],
  [
    'Dataplane',
    {
      networking: {
        address: '127.0.0.1',
        inbound: [{ port: 9901 }],
        outbound: [{ port: 9901, tags: { 'kuma.io/service': 'a' } }],
        admin: { port: 9901 },
      },
    },
  ],
  [
    'Dataplane',
    {
      networking: {
        address: '10.0.0.1',
        inbound: [{ port: 80, name: 'a' }],
        listeners: [listener({ name: 'a' }), listener({ name: 'b' }), listener({ type: 'ZoneEgress', name: 'c' })],
      },
    },
  ],
  ['Dataplane', inbound({ tags: { 'kuma.io/service': 'a', 'b c': 'd e', f: '' }, protocol: 'udp' })],
  ['Dataplane', { networking: { address: 1, inbound: {}, outbound: ['x'] }, probes: 'x' }],
  ['Dataplane', inbound({ port: 'x', tags: { a: 1 }, serviceProbe: { interval: 'soon' } })],
  ['Dataplane', { networking: { address: '10.0.0.1', '@unknown': '!' } }],
  ['Dataplane', { networking: { address: '10.0.0.1', '@unknown': 'AAAA' } }],
  ['Dataplane', { '@spec': 'AAAA', networking: {} }],
  ['Dataplane', { '@spec': '', networking: {} }],
  ['Mesh', { mtls: { backends: [{ name: 'a', type: 'builtin', conf: 1 }] }, routing: { zoneEgress: 'yes' }, nope: 1 }],
  ['Secret', { data: '!' }],
  ['Mesh', { '@spec': '', routing: {} }],
  ['ExternalService', { networking: { address: 'a:1', tls: { caCert: { secret: 'a', inlineString: 'b' } } } }],
  ['ZoneInsight', { subscriptions: [{ connectTime: 'yesterday' }] }],
  ['MeshInsight', {}],
  [
    'MeshGateway',
    { selectors: [{ match: { 'kuma.io/service': 'a' } }], conf: { listeners: [{ port: 1, protocol: 'X' }] } },
  ],
]
