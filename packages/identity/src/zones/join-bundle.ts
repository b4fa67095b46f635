import { invalid, type Violation } from '@holdfast/model'

/** Everything that a zone needs to join: whom to dial, whom to believe there, and what proves its name. */
export interface JoinBundle {
  readonly zone: string
  /** `grpcs://HOST:PORT` of each way to global. */
  readonly addresses: readonly string[]
  /** PEM: whoever global's certificate is signed by; '' where global has no TLS (on one machine). */
  readonly authorities: string
  /** SPIFFE ID that global's certificate must have; undefined: the name it is dialled by must stand in it. */
  readonly globalId?: string | undefined
  /** A zone token with the scope `cp`. */
  readonly token: string
  /** Until when the token can be used; certificates that it was exchanged for are renewed beyond. */
  readonly expiresAtMs: number
}

const kind = 'holdfast-join'

/** One JSON object; the token makes it a secret. */
export const joinBundleText = ({ expiresAtMs, ...bundle }: JoinBundle): string =>
  `${JSON.stringify({ kind, version: 1, ...bundle, expiresAt: new Date(expiresAtMs).toISOString() }, undefined, 2)}\n`

/** @throws Problem `invalid` that names everything wrong, and nothing of what is secret */
export function parseJoinBundle(text: string, where: string): JoinBundle {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    throw invalid(`join bundle ${where}`, [{ path: '', message: `is no JSON; make one with 'holdfastctl zone add'` }])
  }
  const violations: Violation[] = []
  const object = typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {}
  const text_ = (path: string, pattern: RegExp, message: string): string => {
    const value = object[path]
    if (typeof value === 'string' && pattern.test(value)) return value
    violations.push({ path, message })
    return ''
  }
  if (object.kind !== kind || object.version !== 1)
    violations.push({
      path: 'kind',
      message: `must be ${kind}, version 1; a newer bundle needs a newer holdfast, any other file is none`,
    })
  const { addresses, globalId } = object
  const isList = Array.isArray(addresses) && addresses.length > 0 && addresses.every((a) => typeof a === 'string')
  if (!isList) violations.push({ path: 'addresses', message: 'must be at least one grpcs://HOST:PORT' })
  if (globalId !== undefined && (typeof globalId !== 'string' || !globalId.startsWith('spiffe://')))
    violations.push({ path: 'globalId', message: 'must be a SPIFFE ID' })
  const bundle = {
    zone: text_('zone', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a zone'),
    addresses: isList ? (addresses as readonly string[]) : [],
    authorities: text_('authorities', /^$|-----BEGIN CERTIFICATE-----/, 'must be certificates as PEM'),
    ...(typeof globalId === 'string' ? { globalId } : {}),
    token: text_('token', /^[\w-]+\.[\w-]+\.[\w-]+$/, 'must be a token'),
    expiresAtMs: Date.parse(text_('expiresAt', /^\d{4}-/, 'must be a time')),
  }
  if (violations.length > 0) throw invalid(`join bundle ${where}`, violations)
  return bundle
}
