import { readFileSync } from 'node:fs'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

export interface RedisTls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly servername?: string | undefined
}

/** Where Redis is, in one of its three shapes. */
export type RedisTarget = {
  readonly hosts: readonly [HostAndPort, ...HostAndPort[]]
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Undefined: in the clear. Files are paths. */
  readonly tls?: RedisTls | undefined
} & (
  | { readonly shape: 'single'; readonly db: number }
  | {
      readonly shape: 'sentinel'
      readonly master: string
      readonly db: number
      readonly sentinelUsername?: string | undefined
      readonly sentinelPassword?: string | undefined
    }
  | { readonly shape: 'cluster' }
)

const pattern =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?]+)(?:\/(?<path>[^?]*))?(?:\?(?<query>.*))?$/
const known = ['ca', 'cert', 'key', 'servername', 'sentinelUsername', 'sentinelPassword']
const defaultPorts = { single: 6_379, cluster: 6_379, sentinel: 26_379 } as const

export const redisUrlHelp =
  'must be redis[s]://[USER:PASSWORD@]HOST[:PORT][/DB], redis[s]+sentinel://HOST[:PORT],…/MASTER[/DB] or redis[s]+cluster://HOST[:PORT],…'

/**
 * Reads a Redis URL: `redis://`, `redis+sentinel://HOST,HOST/MASTER`, `redis+cluster://HOST,HOST`, each with `rediss` for TLS.
 * Query: `ca`, `cert`, `key` (files), `servername`, `sentinelUsername`, `sentinelPassword`.
 * @returns the target, or every problem at once; a problem shows no password
 */
export function parseRedisUrl(text: string): RedisTarget | readonly string[] {
  const match = pattern.exec(text)
  if (match === null) return [redisUrlHelp]
  const { user = '', password, hosts: hostsText = '', path = '', query = '' } = match.groups ?? {}
  const shape = (match[2] ?? 'single') as RedisTarget['shape']
  const problems: string[] = []
  const hosts = hostsText.split(',').flatMap((one) => hostOf(one, defaultPorts[shape], problems))
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys())
    if (!known.includes(name)) problems.push(`parameter ${name} is not known; there are ${known.join(', ')}`)
  const secure = match[1] === 'rediss'
  if (!secure && ['ca', 'cert', 'key', 'servername'].some((name) => parameters.has(name)))
    problems.push('ca, cert, key and servername are for rediss://')
  if (shape === 'single' && hosts.length > 1) problems.push('several hosts need redis+sentinel:// or redis+cluster://')
  const parts = path === '' ? [] : path.split('/')
  const [master = ''] = shape === 'sentinel' ? parts.splice(0, 1) : []
  if (shape === 'sentinel' && master === '') problems.push('redis+sentinel:// needs the name of the master: …/MASTER')
  const db = Number(parts[0] ?? 0)
  if (parts.length > 1 || !Number.isInteger(db) || db < 0) problems.push(`"${path}" is not the number of a database`)
  if (shape === 'cluster' && parts.length > 0) problems.push('a cluster has one database only')
  const [first, ...others] = hosts
  if (problems.length > 0 || first === undefined) return problems.length > 0 ? problems : [redisUrlHelp]
  const base = {
    hosts: [first, ...others] as const,
    ...(user === '' ? {} : { username: decodeURIComponent(user) }),
    ...(password === undefined ? {} : { password: decodeURIComponent(password) }),
    ...(secure ? { tls: given(parameters, ['ca', 'cert', 'key', 'servername']) } : {}),
  }
  if (shape === 'cluster') return { ...base, shape }
  if (shape === 'sentinel')
    return { ...base, shape, master, db, ...given(parameters, ['sentinelUsername', 'sentinelPassword']) }
  return { ...base, shape, db }
}

/** What the files say now: a certificate that was renewed is read at the next connection. @throws if one cannot be read */
export const tlsOptions = ({ ca, cert, key, servername }: RedisTls): Readonly<Record<string, unknown>> => ({
  ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
  ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
  ...(key === undefined ? {} : { key: readFileSync(key) }),
  ...(servername === undefined ? {} : { servername }),
})

const given = (parameters: URLSearchParams, names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.flatMap((name) => (parameters.has(name) ? [[name, parameters.get(name) ?? '']] : [])))

function hostOf(text: string, defaultPort: number, problems: string[]): readonly HostAndPort[] {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]]+))(?::(?<port>\d+))?$/.exec(text)
  const port = Number(match?.groups?.port ?? defaultPort)
  if (match === null || port < 1 || port > 65_535) {
    problems.push(`"${text}" is not HOST or HOST:PORT`)
    return []
  }
  return [{ host: match.groups?.v6 ?? match.groups?.host ?? '', port }]
}
