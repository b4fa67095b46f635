import type { Authenticate, Caller } from '../options.js'

const admin = {
  name: 'mesh-system:admin',
  groups: ['mesh-system:admin', 'mesh-system:authenticated'],
  admin: true,
} as const
const anonymous = { name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'], admin: false } as const

/**
 * Whoever is on this machine is its operator, as in Kuma; whoever came through a proxy, or is a web page of elsewhere
 * that makes this machine's browser ask, is nobody in particular.
 */
export const localhostAdmin: Authenticate = (caller) => (isLocal(caller) ? admin : anonymous)

function isLocal({ remoteAddress, headers }: Caller): boolean {
  const text = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }
  const site = text('sec-fetch-site')
  const origin = text('origin')
  return (
    isLoopback(remoteAddress) &&
    isLoopback(hostOf(`http://${text('host') ?? ''}`)) &&
    ['forwarded', 'x-forwarded-for', 'x-real-ip'].every((name) => headers[name] === undefined) &&
    (site === undefined || site === 'same-origin' || site === 'none') &&
    (origin === undefined || isLoopback(hostOf(origin)))
  )
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host)

/** Host of a URL without brackets and port; '' for what is no URL. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '')
