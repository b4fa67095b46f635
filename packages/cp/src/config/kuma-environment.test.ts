import { defaultAccess } from '@holdfast/identity'
import { expect, test } from 'vitest'
import { deliberatelyNot, goDurationMs, understood } from './kuma-environment.js'
import { resolveSettings } from './resolve.js'
import { type Command, type Settings, settingSpecs } from './settings.js'

const settle = (
  command: Command,
  env: Record<string, string>,
  flags: Record<string, unknown> = {},
  yaml?: string,
): ReturnType<typeof resolveSettings> =>
  resolveSettings({ command, flags, env, ...(yaml === undefined ? {} : { file: { path: 'h.yaml', text: yaml } }) })

function settled(...args: Parameters<typeof settle>) {
  const resolved = settle(...args)
  if (!('settings' in resolved)) throw new Error(JSON.stringify(resolved))
  return resolved
}

/** Values as a Kuma has them, and what they are in our words. */
const samples: Partial<
  Record<keyof Settings, readonly [command: Command, env: Record<string, string>, want: unknown]>
> = {
  zone: ['zone', { KUMA_MULTIZONE_ZONE_NAME: 'zone-1' }, 'zone-1'],
  globalAddresses: ['zone', { KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpcs://global:5685' }, ['grpcs://global:5685']],
  apiAddress: ['global', { KUMA_API_SERVER_HTTP_INTERFACE: '127.0.0.2' }, '127.0.0.2'],
  apiPort: ['zone', { KUMA_API_SERVER_HTTP_PORT: '15681' }, 15_681],
  kdsPort: ['global', { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '7685' }, 7_685],
  kdsMessageBytes: ['zone', { KUMA_MULTIZONE_ZONE_KDS_MAX_MSG_SIZE: '209715200' }, 209_715_200],
  diagnosticsPort: ['global', { KUMA_DIAGNOSTICS_SERVER_PORT: '7680' }, 7_680],
  kdsTls: ['global', { KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false' }, 'off'],
  kdsTlsCertFile: [
    'global',
    { KUMA_MULTIZONE_GLOBAL_KDS_TLS_CERT_FILE: 'c.pem', KUMA_MULTIZONE_GLOBAL_KDS_TLS_KEY_FILE: 'k.pem' },
    'c.pem',
  ],
  kdsTlsKeyFile: [
    'global',
    { KUMA_MULTIZONE_GLOBAL_KDS_TLS_KEY_FILE: 'k.pem', KUMA_MULTIZONE_GLOBAL_KDS_TLS_CERT_FILE: 'c.pem' },
    'k.pem',
  ],
  globalCaFile: ['zone', { KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: 'ca.pem' }, 'ca.pem'],
  gui: ['global', { KUMA_API_SERVER_GUI_ENABLED: 'false' }, 'off'],
  apiTlsPort: ['zone', { KUMA_API_SERVER_HTTPS_PORT: '15682' }, 15_682],
  apiTlsCertFile: [
    'global',
    { KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: 'c.pem', KUMA_API_SERVER_HTTPS_TLS_KEY_FILE: 'k.pem' },
    'c.pem',
  ],
  apiTlsKeyFile: [
    'global',
    { KUMA_API_SERVER_HTTPS_TLS_KEY_FILE: 'k.pem', KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: 'c.pem' },
    'k.pem',
  ],
  serviceGraceMs: ['zone', { KUMA_MESH_SERVICE_DELETION_GRACE_PERIOD: '1h30m' }, 5_400_000],
  serviceLabels: [
    'zone',
    {
      KUMA_MESH_SERVICE_LABEL_PROPAGATION_ENABLED: 'true',
      KUMA_MESH_SERVICE_LABEL_PROPAGATION_ALLOWED_LABEL_KEYS: 'team,tier',
    },
    ['team', 'tier'],
  ],
  vipPools: [
    'global',
    {
      KUMA_IPAM_MESH_SERVICE_CIDR: '241.0.0.0/9',
      KUMA_IPAM_MESH_MULTI_ZONE_SERVICE_CIDR: '243.0.0.0/9',
    },
    ['MeshService=241.0.0.0/9', 'MeshMultiZoneService=243.0.0.0/9'],
  ],
  access: [
    'zone',
    {
      KUMA_ACCESS_STATIC_GENERATE_DP_TOKEN_GROUPS: 'team-a, team-b',
      KUMA_ACCESS_STATIC_VIEW_STATS_USERS: 'ann',
    },
    {
      ...defaultAccess,
      static: {
        ...defaultAccess.static,
        generateDpToken: { users: ['mesh-system:admin'], groups: ['team-a', 'team-b'] },
        viewStats: { users: ['ann'], groups: ['mesh-system:authenticated'] },
      },
    },
  ],
}

test('the table has a sample for every setting, and only settings that there are', () => {
  expect(understood.map(({ key }) => key).sort()).toEqual(Object.keys(samples).sort())
  const keys = new Set<string>(settingSpecs.map(({ key }) => key))
  expect(understood.filter(({ key }) => !keys.has(key))).toEqual([])
})

test.each(Object.entries(samples))("%s is understood in Kuma's words, and a warning names ours", (key, sample) => {
  const [command, env, want] = sample
  const flags = command === 'zone' && key !== 'zone' ? { zone: 'east' } : {}
  const { settings, sources, warnings } = settled(command, env, flags)
  expect(settings[key as keyof Settings]).toEqual(want)
  const [variable = ''] = Object.keys(env)
  expect(sources[key as keyof Settings]).toBe(variable)
  const ours = settingSpecs.find((spec) => spec.key === key)?.env
  expect(warnings).toContain(`${variable} is understood; Holdfast calls it ${ours}, which should be set instead`)
  expect(warnings.filter((warning) => !warning.includes(' is understood; Holdfast calls it '))).toEqual([])
})

test('whatever is said to Holdfast overrules what a Kuma left behind', () => {
  const env = { KUMA_API_SERVER_HTTP_PORT: '1111', HOLDFAST_ZONE: 'east', KUMA_MULTIZONE_ZONE_NAME: 'zone-1' }
  const { settings, warnings } = settled('zone', env, {}, 'apiPort: 2222\n')
  expect([settings.zone, settings.apiPort]).toEqual(['east', 2222])
  expect(warnings).toEqual([
    "KUMA_MULTIZONE_ZONE_NAME is not used: HOLDFAST_ZONE or another source of Holdfast's says it already",
    "KUMA_API_SERVER_HTTP_PORT is not used: HOLDFAST_API_PORT or another source of Holdfast's says it already",
  ])
})

test("Kuma's own database is not taken for ours, and what means nothing is named", () => {
  const { settings, warnings } = settled('global', {
    KUMA_STORE_TYPE: 'postgres',
    KUMA_STORE_POSTGRES_PASSWORD: 'secret',
    KUMA_ENVIRONMENT: 'kubernetes',
    KUMA_MODE: 'zone',
    KUMA_REPORTS_ENABLED: 'false',
    KUMA_GENERAL_WORK_DIR: './kuma',
    // Said for the other role.
    KUMA_MULTIZONE_ZONE_NAME: 'zone-1',
    // Of Kubernetes.
    KUMA_CONTROL_PLANE_SERVICE_HOST: '10.0.0.1',
    KUMA_CONTROL_PLANE_SERVICE_PORT_HTTP: '5681',
    KUMA_CONTROL_PLANE_PORT: 'tcp://10.0.0.1:5681',
    KUMA_CONTROL_PLANE_PORT_5681_TCP_ADDR: '10.0.0.1',
    PATH: '/bin',
  })
  expect(settings.databaseUrl).toBeUndefined()
  expect(warnings).toEqual([
    expect.stringMatching(/^KUMA_ENVIRONMENT says "kubernetes"/),
    expect.stringMatching(/^KUMA_MODE says "zone", and this is "holdfast global"/),
    expect.stringMatching(/^KUMA_STORE_POSTGRES_PASSWORD is Kuma's own store/),
    expect.stringMatching(/^KUMA_STORE_TYPE is Kuma's own store/),
    'KUMA_GENERAL_WORK_DIR, KUMA_REPORTS_ENABLED: Holdfast has nothing of that name',
  ])
  expect(JSON.stringify(warnings)).not.toContain('secret')
  expect(deliberatelyNot.length).toBe(4)
})

test('what is wrong in words of Kuma is told with the variable that says it, all at once', () => {
  const problems = settle('zone', {
    KUMA_MULTIZONE_ZONE_NAME: 'Zone 1',
    KUMA_API_SERVER_HTTP_PORT: 'http',
    KUMA_MESH_SERVICE_DELETION_GRACE_PERIOD: 'an hour',
    KUMA_MESH_SERVICE_LABEL_PROPAGATION_ENABLED: 'true',
    KUMA_API_SERVER_HTTP_INTERFACE: '127.0.0.1',
  })
  expect('settings' in problems ? [] : problems.map(({ key }) => key).sort()).toEqual([
    'KUMA_API_SERVER_HTTP_PORT',
    'KUMA_MESH_SERVICE_DELETION_GRACE_PERIOD',
    'KUMA_MESH_SERVICE_LABEL_PROPAGATION_ENABLED',
    'KUMA_MULTIZONE_ZONE_NAME',
  ])
})

test('lists of Kuma that cannot be taken are told with their variable, and a scheme of access that is not ours as well', () => {
  const problems = settle('global', {
    KUMA_ACCESS_STATIC_ADMIN_RESOURCES_GROUPS: 'mesh-system:unauthenticated',
  })
  expect('settings' in problems ? [] : problems.map(({ key }) => key)).toEqual([
    'KUMA_ACCESS_STATIC_ADMIN_RESOURCES_GROUPS.static.adminResources',
  ])
  expect(settled('global', { KUMA_ACCESS_TYPE: 'static' }).warnings).toEqual([])
  expect(settled('global', { KUMA_ACCESS_TYPE: 'rbac' }).warnings).toEqual([
    expect.stringMatching(/^KUMA_ACCESS_TYPE says "rbac": Holdfast has lists and roles of its own/),
  ])
})

test.each([
  ['1h', 3_600_000],
  ['90s', 90_000],
  ['1h0m0s', 3_600_000],
  ['1.5m', 90_000],
  ['250ms', 250],
  ['0', 0],
  ['', undefined],
  ['5', undefined],
  ['-1s', undefined],
  ['1d', undefined],
])('a duration of Go: %j', (text, ms) => {
  expect(goDurationMs(text)).toBe(ms)
})
