import { type StaticAction, staticActions } from '@holdfast/identity'
import { type Command, messageBytesDefault, type Settings } from './settings.js'

type Environment = Readonly<Record<string, string | undefined>>

/** What a set of Kuma's variables says, in our words: the text that our own variable would have. */
interface Understood {
  readonly key: keyof Settings
  /** Variables that say it, the ones that must be there first. */
  readonly variables: readonly string[]
  /** @returns undefined: nothing is said; a `reason`: it cannot be said in our words */
  read(values: readonly (string | undefined)[]): string | { readonly reason: string } | undefined
}

const asIs = (key: keyof Settings, variable: string): Understood => ({
  key,
  variables: [variable],
  read: ([value]) => value,
})

/** `KUMA_ACCESS_STATIC_GENERATE_USER_TOKEN_USERS`, `…_GROUPS`: lists with commas between. */
const accessVariables = staticActions.flatMap((action) => {
  const words = action.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  return (['users', 'groups'] as const).map((list) => ({
    action,
    list,
    variable: `KUMA_ACCESS_STATIC_${words}_${list.toUpperCase()}`,
  }))
})

/** @param values of `accessVariables` @returns the lists that are said, as `access` of ours has them */
function accessOf(values: readonly (string | undefined)[]): string | undefined {
  const lists: Partial<Record<StaticAction, Partial<Record<'users' | 'groups', readonly string[]>>>> = {}
  for (const [at, { action, list }] of accessVariables.entries()) {
    const names = (values[at] ?? '').split(',').map((name) => name.trim())
    const said = names.filter((name) => name !== '')
    if (said.length > 0) lists[action] = { ...lists[action], [list]: said }
  }
  return Object.keys(lists).length === 0 ? undefined : JSON.stringify({ static: lists })
}

/** Kuma's variables that mean the same as a setting of ours. `docs/migrate-from-kuma.md` has them in a table. */
export const understood: readonly Understood[] = [
  asIs('zone', 'KUMA_MULTIZONE_ZONE_NAME'),
  asIs('globalAddresses', 'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS'),
  asIs('apiAddress', 'KUMA_API_SERVER_HTTP_INTERFACE'),
  asIs('apiPort', 'KUMA_API_SERVER_HTTP_PORT'),
  asIs('kdsPort', 'KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT'),
  asIs('diagnosticsPort', 'KUMA_DIAGNOSTICS_SERVER_PORT'),
  {
    key: 'kdsMessageBytes',
    variables: ['KUMA_MULTIZONE_GLOBAL_KDS_MAX_MSG_SIZE', 'KUMA_MULTIZONE_ZONE_KDS_MAX_MSG_SIZE'],
    read: (sizes) => {
      const said = sizes.filter((size) => size !== undefined && size !== '')
      if (said.length === 0) return undefined
      const wrong = said.find((size) => !Number.isFinite(Number(size)))
      if (wrong !== undefined) return { reason: `must be a number of bytes, not ${JSON.stringify(wrong)}` }
      return String(Math.max(messageBytesDefault, ...said.map(Number)))
    },
  },
  {
    key: 'kdsTls',
    variables: ['KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED'],
    read: ([value]) => onOff(value),
  },
  asIs('kdsTlsCertFile', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_CERT_FILE'),
  asIs('kdsTlsKeyFile', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_KEY_FILE'),
  asIs('globalCaFile', 'KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE'),
  {
    key: 'gui',
    variables: ['KUMA_API_SERVER_GUI_ENABLED'],
    read: ([value]) => onOff(value),
  },
  asIs('apiTlsPort', 'KUMA_API_SERVER_HTTPS_PORT'),
  asIs('apiTlsCertFile', 'KUMA_API_SERVER_HTTPS_TLS_CERT_FILE'),
  asIs('apiTlsKeyFile', 'KUMA_API_SERVER_HTTPS_TLS_KEY_FILE'),
  {
    key: 'serviceGraceMs',
    variables: ['KUMA_MESH_SERVICE_DELETION_GRACE_PERIOD'],
    read: ([value = '']) => {
      const ms = goDurationMs(value)
      return ms === undefined ? { reason: `${JSON.stringify(value)} is no duration such as 1h or 90s` } : String(ms)
    },
  },
  {
    key: 'serviceLabels',
    variables: [
      'KUMA_MESH_SERVICE_LABEL_PROPAGATION_ENABLED',
      'KUMA_MESH_SERVICE_LABEL_PROPAGATION_ALLOWED_LABEL_KEYS',
    ],
    read: ([enabled, keys]) => {
      if (enabled !== 'true') return undefined
      return keys === undefined || keys === ''
        ? {
            reason:
              'which labels must be said with KUMA_MESH_SERVICE_LABEL_PROPAGATION_ALLOWED_LABEL_KEYS: Holdfast has no setting for "all of them"',
          }
        : keys
    },
  },
  {
    key: 'vipPools',
    variables: [
      'KUMA_IPAM_MESH_SERVICE_CIDR',
      'KUMA_IPAM_MESH_EXTERNAL_SERVICE_CIDR',
      'KUMA_IPAM_MESH_MULTI_ZONE_SERVICE_CIDR',
    ],
    read: (cidrs) => {
      const kinds = ['MeshService', 'MeshExternalService', 'MeshMultiZoneService']
      const said = cidrs.flatMap((cidr, i) => (cidr === undefined || cidr === '' ? [] : [`${kinds[i]}=${cidr}`]))
      return said.length === 0 ? undefined : said.join(',')
    },
  },
  { key: 'access', variables: accessVariables.map(({ variable }) => variable), read: accessOf },
]

function onOff(value: string | undefined): string | { readonly reason: string } {
  if (value === 'true' || value === 'false') return value === 'true' ? 'on' : 'off'
  return { reason: `must be true or false, not ${JSON.stringify(value)}` }
}

/** What looks as if it meant the same and does not; each with what to do. */
export const deliberatelyNot: readonly {
  readonly variables: RegExp
  /** Undefined: it asks for nothing that needs a word. */
  readonly because: (value: string, command: Command) => string | undefined
}[] = [
  {
    variables: /^KUMA_STORE_(TYPE|POSTGRES_.*)$/,
    because: () =>
      "is Kuma's own store, whose tables Holdfast does not share: give Holdfast a database of its own with HOLDFAST_DATABASE_URL, or none for an embedded one",
  },
  {
    variables: /^KUMA_MODE$/,
    because: (value, command) =>
      (command === 'global' || command === 'zone') && value !== command
        ? `says ${JSON.stringify(value)}, and this is "holdfast ${command}": run "holdfast ${value === 'global' ? 'global' : 'zone'}" if that is meant`
        : undefined,
  },
  {
    variables: /^KUMA_ACCESS_TYPE$/,
    because: (value) =>
      value === 'static'
        ? undefined
        : `says ${JSON.stringify(value)}: Holdfast has lists and roles of its own (HOLDFAST_ACCESS), and keeps to its defaults`,
  },
  {
    variables: /^KUMA_ENVIRONMENT$/,
    because: (value) =>
      value === 'universal'
        ? undefined
        : `says ${JSON.stringify(value)}: Holdfast runs as Kuma's "universal" does and reads no Kubernetes API`,
  },
]

export interface KumaEnvironment {
  /** In our words, by setting; the source names the variable. */
  readonly values: Readonly<Partial<Record<keyof Settings, { readonly text: string; readonly variable: string }>>>
  /** What was understood cannot be said in our words. */
  readonly problems: readonly { readonly variable: string; readonly message: string }[]
  /** Variables that say nothing to this program: those it has a word about, and the rest by name. */
  readonly notTaken: readonly { readonly variable: string; readonly because: string }[]
  readonly unknown: readonly string[]
}

/** Reads what Kuma's environment says to a program of ours. @param keys settings of that program */
export function readKumaEnvironment(env: Environment, command: Command, keys: ReadonlySet<string>): KumaEnvironment {
  const values: Partial<Record<keyof Settings, { text: string; variable: string }>> = {}
  const problems: { variable: string; message: string }[] = []
  const known = new Set<string>()
  for (const { key, variables, read } of understood) {
    for (const variable of variables) known.add(variable)
    const given = variables.map((variable) => env[variable])
    const variable = variables.find((_, i) => given[i] !== undefined && given[i] !== '')
    // Said for a program that has no such setting: Kuma's one environment serves both roles.
    if (variable === undefined || !keys.has(key)) continue
    const said = read(given)
    if (typeof said === 'string') values[key] = { text: said, variable }
    else if (said !== undefined) problems.push({ variable, message: said.reason })
  }
  const notTaken: { variable: string; because: string }[] = []
  const unknown: string[] = []
  for (const [variable, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!variable.startsWith('KUMA_') || value === undefined || value === '' || known.has(variable)) continue
    if (isServiceLink(variable, value)) continue
    const word = deliberatelyNot.find(({ variables }) => variables.test(variable))
    if (word === undefined) unknown.push(variable)
    else {
      const because = word.because(value, command)
      if (because !== undefined) notTaken.push({ variable, because })
    }
  }
  return { values, problems, notTaken, unknown }
}

/** What Kubernetes puts into every container for a Service named `kuma-…` is nobody's configuration. */
const isServiceLink = (variable: string, value: string): boolean =>
  /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(variable) || /^(tcp|udp|sctp):\/\//.test(value)

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001, µs: 0.001 }

/** `1h30m`, as Go writes durations; 0 may stand alone. Rounded to whole milliseconds. */
export function goDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(h|ms|us|µs|m|s))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|m|s)/g))
    sum += Number(amount) * (unitsMs[unit] ?? 0)
  return Math.round(sum)
}
