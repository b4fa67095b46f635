import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The two command lines that an operator of a multi-zone mesh may have. */
export type Tool = 'holdfastctl' | 'kumactl'

/** One command, and what it must come to with either tool. */
export interface Step {
  readonly at: 'global' | 'zone'
  readonly args: readonly string[]
  readonly input?: string
  readonly status: number | Readonly<Record<Tool, number>>
  readonly out?: RegExp | Readonly<Record<Tool, RegExp>>
  readonly err?: RegExp | Readonly<Record<Tool, RegExp>>
  /** What the other tool has no words for. */
  readonly only?: Tool
  /** Tried again until it comes to that: what another control plane has to hear of first. */
  readonly within?: 'sync'
}

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': "type: Mesh\nname: demo\nskipCreatingInitialPolicies: ['*']\nmeshServices:\n  mode: Exclusive\n",
  'zone.yaml': 'type: Zone\nname: far\nenabled: true\n',
  'secret.json': '{"type":"Secret","mesh":"demo","name":"sec","data":"aGVsbG8="}',
  'multi.yaml': `type: MeshTimeout
mesh: demo
name: t1
spec:
  targetRef: {kind: Mesh}
  to:
  - targetRef: {kind: Mesh}
    default: {idleTimeout: 90s, http: {requestTimeout: 10s}}
---
type: MeshMultiZoneService
mesh: demo
name: webmz
spec:
  selector: {meshService: {matchLabels: {kuma.io/display-name: web}}}
  ports: [{port: 80, appProtocol: http}]
`,
  'template.yaml': `type: MeshTimeout
mesh: {{ mesh }}
name: {{ t.name }}
spec:
  to:
  - targetRef: {kind: Mesh}
    default: {connectionTimeout: {{ wait }}}
`,
  'service.yaml': `type: MeshService
mesh: demo
name: web
labels: {kuma.io/origin: zone}
spec:
  selector: {dataplaneTags: {kuma.io/service: web}}
  ports: [{port: 80, targetPort: 8080, appProtocol: http}]
`,
  'dataplane.yaml': `type: Dataplane
mesh: demo
name: web-1
networking:
  address: 10.0.0.1
  inbound: [{port: 8080, servicePort: 8081, tags: {kuma.io/service: web, kuma.io/protocol: http}}]
`,
  'bad.yaml': `type: MeshTimeout
mesh: demo
name: bad
spec:
  to: [{targetRef: {kind: Foo}, default: {idleTimeout: 10s}}]
`,
  'nomesh.yaml': `type: MeshTimeout
mesh: nope
name: t
spec:
  to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 10s}}]
`,
  'origin.yaml': `type: MeshTimeout
mesh: demo
name: o
labels: {kuma.io/origin: zone}
spec:
  to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 10s}}]
`,
  'empty.yaml': '',
}

/** Puts the files of the steps into a folder, where the tool is then run. */
export function writeFiles(folder: string): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs1', format: 'pem' }))
}

/** The line for one resource; kumactl says Updated of what has not changed. */
const applied = (type: string, mesh: string, name: string, outcome: 'created' | 'updated' | 'unchanged') => ({
  holdfastctl: new RegExp(`^${type} "${name}"${mesh === '' ? '' : ` in mesh "${mesh}"`} ${outcome}`, 'm'),
  kumactl: new RegExp(
    `^resource type="${type}" mesh="${mesh}" name="${name}" ${outcome === 'created' ? 'Created' : 'Updated'}$`,
    'm',
  ),
})
const fine = { status: 0 } as const
/** A token and nothing else, not even an end of line. */
const token = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/
const global = (args: string, rest: Omit<Step, 'at' | 'args'>): Step => ({
  at: 'global',
  args: args.split(' '),
  ...rest,
})
const zone = (args: string, rest: Omit<Step, 'at' | 'args'>): Step => ({ at: 'zone', args: args.split(' '), ...rest })

/** Types of which there is none here; each has a list all the same, those that only Kuma 2.14 knows too. */
const emptyLists = [
  ...['circuit-breakers', 'external-services', 'fault-injections', 'healthchecks', 'meshgateways', 'meshgatewayroutes'],
  ...['proxytemplates', 'rate-limits', 'retries', 'timeouts', 'traffic-logs', 'traffic-permissions', 'traffic-routes'],
  ...['traffic-traces', 'virtual-outbounds', 'meshaccesslogs', 'meshcircuitbreakers', 'meshfaultinjections'],
  ...['meshhealthchecks', 'meshhttproutes', 'meshidentities', 'meshloadbalancingstrategies', 'meshmetrics'],
  ...[
    'meshpassthroughs',
    'meshproxypatches',
    'meshratelimits',
    'meshretries',
    'meshtcproutes',
    'meshtlses',
    'meshtraces',
  ],
  ...['meshtrafficpermissions', 'meshtrusts', 'meshzoneaddresses', 'zoneegresses', 'zoneingresses', 'workloads'],
]

/** What a multi-zone operator does, from the first contact to the last deletion, in one go. */
export const steps: readonly Step[] = [
  global('version', { ...fine, out: /Server: / }),
  global('version -a', { ...fine, out: /"instanceId"/ }),
  global('get meshes', { ...fine, out: /^default /m }),

  global('apply -f mesh.yaml', { ...fine, out: applied('Mesh', '', 'demo', 'created') }),
  global('apply -f mesh.yaml', { ...fine, out: applied('Mesh', '', 'demo', 'unchanged') }),
  global('apply -f zone.yaml', { ...fine, out: applied('Zone', '', 'far', 'created') }),
  global('apply -f secret.json', { ...fine, out: applied('Secret', 'demo', 'sec', 'created') }),
  global('apply -f multi.yaml', { ...fine, out: applied('MeshMultiZoneService', 'demo', 'webmz', 'created') }),
  global('apply -f -', {
    ...fine,
    input: files['multi.yaml'] ?? '',
    out: applied('MeshTimeout', 'demo', 't1', 'unchanged'),
  }),
  global('apply -f template.yaml -v mesh=demo -v t.name=t2 -v wait=5s', {
    ...fine,
    out: applied('MeshTimeout', 'demo', 't2', 'created'),
  }),
  global('apply -f multi.yaml --dry-run', { ...fine, out: /^name: t1$/m }),
  global('apply -f multi.yaml --dry-run=server', {
    ...fine,
    only: 'holdfastctl',
    out: /^MeshTimeout "t1" in mesh "demo" unchanged \(dry run\)$/m,
  }),

  global('get mesh demo -o yaml', { ...fine, out: /^name: demo$/m }),
  global('get mesh demo -o json', { ...fine, out: /"name": "demo"/ }),
  global('get meshtimeouts -m demo', { ...fine, out: /^demo +t1 .*\n^demo +t2 /m }),
  global('get meshtimeout t1 -m demo -o yaml', { ...fine, out: /idleTimeout: 1m30s$/m }),
  global('get meshtimeouts -m demo -o json', { ...fine, out: /"total": 2/ }),
  global('get meshtimeouts -m demo --size 1', {
    ...fine,
    out: /^demo +t1 .*\n\nRerun command with --offset=1 argument to retrieve more resources$/m,
  }),
  global('get meshtimeouts -m demo --size 1 --offset 1', { ...fine, out: /^demo +t2 /m }),
  global('get secret sec -m demo -o json', { ...fine, out: /"data": "aGVsbG8="/ }),
  global('get meshmultizoneservice webmz -m demo -o yaml', { ...fine, out: /^name: webmz$/m }),
  global('get zone far -o yaml', { ...fine, out: /^enabled: true$/m }),
  global('get hostnamegenerators', { ...fine, out: /synced-universal-mesh-service/ }),
  // Ours asks in one way for all of them.
  ...emptyLists.map(
    (path, at): Step => ({
      ...global(`get ${path} -m demo`, { ...fine, out: /^.*(MESH|NAME).*\n$/ }),
      ...(at % 8 === 0 ? {} : { only: 'kumactl' }),
    }),
  ),

  global('inspect zones', { ...fine, out: /^east +Online .*\n^far +Offline /m }),
  global('inspect meshes', { ...fine, out: /^demo +0\/0 /m }),
  global('inspect dataplanes -m demo', { ...fine, out: /^MESH +NAME .*\n$/ }),
  global('inspect services -m demo', { ...fine, out: /^(SERVICE|NAME) .*\n$/ }),
  global('inspect zoneingresses', { ...fine, only: 'kumactl', out: /^NAME +STATUS .*\n$/ }),
  global('inspect zoneegresses', { ...fine, only: 'kumactl', out: /^NAME +STATUS .*\n$/ }),
  global('inspect meshtimeout t1 -m demo', {
    ...fine,
    out: { kumactl: /^Affected data plane proxies:$/m, holdfastctl: /^TYPE +MESH +NAME +ZONE\n$/ },
  }),

  global('apply -f empty.yaml', {
    status: 1,
    err: /no resource\(s\) passed to apply|there is nothing to apply in empty\.yaml/,
  }),
  global('apply -f /nonexistent', { status: 1, err: /\/nonexistent/ }),
  global('apply', { status: { kumactl: 1, holdfastctl: 2 }, err: /required (flag|option).*file/ }),
  global('apply -f service.yaml', { status: 1, err: /On global control plane you can not modify dataplane resources/ }),
  global('apply -f bad.yaml', { status: 1, err: /spec\.to\[0\]\.targetRef\.kind/ }),
  global('apply -f nomesh.yaml', { status: 1, err: /Failed to retrieve Mesh|mesh.*nope/ }),
  global('apply -f origin.yaml', {
    status: 1,
    err: /labels\["kuma\.io\/origin"\].*the origin label must be set to 'global'/,
  }),
  global('get meshtimeout nope -m demo', {
    status: 1,
    err: /No resources found in demo mesh|there is no MeshTimeout "nope"/,
  }),
  global('get meshtimeouts -m nope', { status: 1, err: /Failed to retrieve Mesh \(Not found\)/ }),
  global('delete meshtimeout nope -m demo', { status: 1, err: /there is no MeshTimeout (with name )?"nope"/ }),
  global('delete nope nope', { status: { kumactl: 1, holdfastctl: 2 }, err: /unknown TYPE/ }),

  global('generate user-token --name jo --group team-a --valid-for 1h', { ...fine, out: token }),
  global('generate zone-token --zone far --valid-for 24h', { ...fine, out: token }),
  global('generate dataplane-token -m demo --name web-1 --tag kuma.io/service=web --valid-for 24h', {
    ...fine,
    out: token,
  }),
  global('generate user-token --name jo --valid-for 1h --signing-key-path key.pem --kid 2', { ...fine, out: token }),
  global('generate user-token --name jo', {
    status: { kumactl: 1, holdfastctl: 2 },
    err: /required (flag|option).*valid-for/,
  }),
  global('generate signing-key', { ...fine, out: /^[A-Za-z0-9+/]{2000,}=*$/ }),
  global('generate public-key --signing-key-path key.pem', { ...fine, out: /^-----BEGIN RSA PUBLIC KEY-----\n/ }),

  global('export', { ...fine, out: /^type: Mesh$[\s\S]*^type: Secret$/m }),
  ...['federation-with-policies', 'all', 'no-dataplanes'].map((profile) =>
    global(`export -p ${profile}`, { ...fine, out: /^name: t1$/m }),
  ),
  global('export -p federation-with-policies -f kubernetes', { ...fine, out: /^apiVersion: kuma\.io\/v1alpha1$/m }),

  zone('get meshes', { ...fine, out: /^demo /m, within: 'sync' }),
  zone('get meshtimeouts -m demo', { ...fine, out: /t1.*\n.*t2/, within: 'sync' }),
  zone('apply -f service.yaml', { ...fine, out: applied('MeshService', 'demo', 'web', 'created') }),
  zone('apply -f service.yaml', { ...fine, out: applied('MeshService', 'demo', 'web', 'unchanged') }),
  zone('apply -f dataplane.yaml', { ...fine, out: applied('Dataplane', 'demo', 'web-1', 'created') }),
  zone('get dataplane web-1 -m demo -o yaml', { ...fine, out: /address: 10\.0\.0\.1$/m }),
  zone('get dataplanes -m demo', { ...fine, out: /^demo +web-1 /m }),
  zone('get meshservice web -m demo -o yaml', { ...fine, out: /^ {2}- ip: \S+$|^ {4}- ip: \S+$/m, within: 'sync' }),
  zone('inspect dataplanes -m demo', { ...fine, out: /^demo +web-1 .*Offline/m }),
  zone('inspect dataplane web-1 -m demo', { ...fine, out: { kumactl: /^DATAPLANE:/m, holdfastctl: /MeshTimeout/ } }),
  zone('apply -f mesh.yaml', { status: 1, err: /On zone control plane you can only modify zone resources/ }),
  zone('delete meshtimeout t1 -m demo', { status: 1 }),
  zone('export -p all', { ...fine, out: /^name: web-1$/m }),

  global('get meshservices -m demo', { ...fine, out: /web/, within: 'sync' }),
  global('get dataplanes -m demo', { ...fine, out: /web-1/, within: 'sync' }),
  global('inspect dataplanes -m demo', { ...fine, out: /^demo +web-1.*Offline/m }),
  global('delete mesh demo', { status: 1, err: /there are still some dataplanes attached/ }),
  global('delete zone east', { status: 1, err: /Zone CP is still connected/ }),

  zone('delete dataplane web-1 -m demo', { ...fine, out: /deleted Dataplane "web-1"/ }),
  zone('delete meshservice web -m demo', { ...fine, out: /deleted MeshService "web"/ }),
  global('get dataplanes -m demo', { ...fine, out: /^MESH +NAME .*\n$/, within: 'sync' }),
  global('delete secret sec -m demo', { ...fine, out: /deleted Secret "sec"/ }),
  global('delete meshtimeout t1 -m demo', { ...fine, out: /deleted MeshTimeout "t1"/ }),
  global('delete zone far', { ...fine, out: /deleted Zone "far"/ }),
  global('delete mesh demo', { ...fine, out: /deleted Mesh "demo"/ }),
]
