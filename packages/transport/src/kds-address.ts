import { isIPv4, isIPv6 } from 'node:net'
import { invalid, type Violation } from '@holdfast/model'

/** Where a global listens for zones. */
export interface KdsAddress {
  /** `grpcs://`: TLS; `grpc://`: plaintext HTTP/2. */
  readonly secure: boolean
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

const schemes: Readonly<Record<string, boolean>> = { grpc: false, grpcs: true }

/** Reads `grpc://HOST:PORT` or `grpcs://HOST:PORT`. Throws a Problem `invalid` that names everything wrong with it. */
export function parseKdsAddress(text: string): KdsAddress {
  const [, scheme, rest = ''] = /^(?:([^:/]*):\/\/)?(.*)$/s.exec(text) ?? []
  const [, authority = '', tail = ''] = /^([^/?#]*)(.*)$/s.exec(rest) ?? []
  const [, bracketed, plain, portText = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(authority) ?? []
  // Without brackets it is anyone's guess which colon of an IPv6 address begins the port.
  const ambiguous = bracketed === undefined && authority.split(':').length > 2
  const host = bracketed ?? plain ?? ''
  const port = Number(portText)
  const violations: Violation[] = []
  const wrong = (path: string, message: string) => violations.push({ path, message })
  if (scheme === undefined) wrong('scheme', 'is missing; write grpc:// or grpcs:// (TLS)')
  else if (!Object.hasOwn(schemes, scheme)) wrong('scheme', `must be grpc or grpcs (TLS), not "${scheme}"`)
  if (authority.includes('@')) wrong('user', 'has no place in the address of a global')
  else if (ambiguous) wrong('host', 'must be a name or an address; an IPv6 address stands in [ ]')
  else if (bracketed !== undefined && !isIPv6(bracketed)) wrong('host', `"${bracketed}" is not an IPv6 address`)
  else if (host === '') wrong('host', 'is missing')
  else if (bracketed === undefined && !/^[A-Za-z0-9._-]+$/.test(host)) wrong('host', `"${host}" is not a host name`)
  if (!ambiguous && portText === '') wrong('port', 'is missing; a global listens on 5685 by default')
  else if (!ambiguous && (!/^\d+$/.test(portText) || port < 1 || port > 65_535))
    wrong('port', `must be between 1 and 65535, not "${portText}"`)
  if (tail !== '' && tail !== '/') wrong('path', `"${tail}" must be left out`)
  if (violations.length > 0) throw invalid(`address of global "${text}"`, violations)
  return { secure: scheme === 'grpcs', host, port }
}

/** The same as a gRPC target. An address needs no resolver, and a name must not be taken for a scheme. */
export function grpcTarget({ host, port }: KdsAddress): string {
  if (isIPv4(host)) return `ipv4:${host}:${port}`
  return isIPv6(host) ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`
}

/** `host:port` for people. */
export const hostPort = (host: string, port: number): string => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`)
