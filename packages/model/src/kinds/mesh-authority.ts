import { type Finding, strict } from './finding.js'
import { isJsonObject, type Json, type JsonObject } from './json.js'

/** What a `builtin` backend of a mesh says of its authority, or leaves to us. */
export interface MeshAuthority {
  /** Name of the backend. */
  readonly backend: string
  readonly rsaBits: number
  readonly validForMs: number
}

/** Secrets of the mesh under which zones of Kuma look for the authority of a backend (`system/constants.go` of 2.14). */
export const authoritySecretNames = (mesh: string, backend: string) => ({
  certificate: `${mesh}.ca-builtin-cert-${backend}`,
  key: `${mesh}.ca-builtin-key-${backend}`,
})

const builtin = 'builtin'
const defaultRsaBits = 2_048
/** A weaker key is no protection, and a larger one takes minutes to make. */
const rsaBitsRange = { min: 2_048, max: 8_192 }
const dayMs = 24 * 3_600_000
const defaultValidForMs = 10 * 365 * dayMs
/** Units of `core_mesh.ParseDuration`: one number, one unit. */
const unitsMs: Readonly<Record<string, number>> = {
  ...{ y: 365 * dayMs, w: 7 * dayMs, d: dayMs },
  ...{ h: 3_600_000, m: 60_000, s: 1_000, ms: 1 },
}
/** A certificate of X.509 ends before the year 10000. */
const validForMsMax = 1_000 * 365 * dayMs

interface Backend {
  readonly name: string
  readonly type: string
  readonly conf?: unknown
}

/** The authorities that a mesh wants made, but for those of which the settings cannot be read: they are findings. */
export const authoritiesOfMesh = (backends: readonly Backend[]): readonly MeshAuthority[] =>
  backends.flatMap((backend) => {
    if (backend.type !== builtin) return []
    const read = readConf(backend.conf)
    return read.problems.length > 0 ? [] : [{ backend: backend.name, ...read.authority }]
  })

/** Secrets of the mesh without which the backend cannot certify proxies. */
export function secretsOfBackend(mesh: string, { name, type, conf }: Backend): readonly string[] {
  if (type === builtin) return Object.values(authoritySecretNames(mesh, name))
  const named = [objectAt(conf, 'cert').secret, objectAt(conf, 'key').secret]
  return type === 'provided' ? named.filter((secret) => typeof secret === 'string') : []
}

/** @param path of the backend */
export function* authorityFindings(path: string, { type, conf }: Backend): Iterable<Finding> {
  if (type === builtin) yield* readConf(conf).problems.map(([at, why]) => strict(`${path}.conf.caCert.${at}`, why))
}

function readConf(conf: unknown) {
  const { RSAbits, expiration } = objectAt(conf, 'caCert')
  const problems: (readonly [at: string, why: string])[] = []
  const rsaBits = RSAbits === undefined ? defaultRsaBits : Number(RSAbits)
  const { min, max } = rsaBitsRange
  if (!Number.isInteger(rsaBits) || rsaBits < min || rsaBits > max)
    problems.push(['RSAbits', `must be a whole number from ${min} to ${max}`])
  const validForMs = expiration === undefined || expiration === '' ? defaultValidForMs : durationMs(expiration)
  if (validForMs === undefined || validForMs === 0 || validForMs > validForMsMax)
    problems.push([
      'expiration',
      'must be a number with one of the units y, w, d, h, m, s, ms, such as "10y", up to 1000y',
    ])
  return { problems, authority: { rsaBits, validForMs: validForMs ?? 0 } }
}

function durationMs(text: Json): number | undefined {
  const [, number, unit = ''] = /^(\d+)(y|w|d|h|m|s|ms)$/.exec(String(text)) ?? []
  return number === undefined ? undefined : Number(number) * (unitsMs[unit] ?? 0)
}

const objectAt = (value: unknown, key: string): JsonObject => {
  const found = (value as JsonObject | undefined)?.[key]
  return isJsonObject(found) ? found : {}
}
