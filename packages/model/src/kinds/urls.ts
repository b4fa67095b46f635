import { isDnsName, isIp } from './addresses.js'

export interface UrlParts {
  readonly scheme: string
  readonly user: string | undefined
  readonly host: string
  readonly port: string
  readonly path: string
  readonly query: string
  readonly fragment: string
}

/** The parts of an absolute URL as they are written, nothing normalised away; undefined for what is none. */
export function urlParts(text: string): UrlParts | undefined {
  const found =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^/?#@]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(
      text,
    )
  if (found === null || /\s/.test(text)) return undefined
  const [, scheme = '', user, host = '', port = '', path = '', query = '', fragment = ''] = found
  return { scheme, user, host: host.replace(/^\[|\]$/g, ''), port, path, query, fragment }
}

/** A URL, or an address with or without a port. */
export function isUrlLike(text: string): boolean {
  if (text.length <= 3 || text.length >= 2083 || text.startsWith('.')) return false
  const parts = urlParts(text.includes('://') ? text : `tcp://${text}`)
  if (parts === undefined || parts.host === '' || (parts.port !== '' && !/^\d{1,5}$/.test(parts.port))) return false
  return isIp(parts.host) || isDnsName(parts.host)
}

/** An absolute path of a file, of Unix or of Windows. */
export const isFilePath = (text: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a path cannot have that one character
  /^(\/[^/\x00]*)+\/?$/.test(text) || /^[a-zA-Z]:\\(?:[^\\/:*?"<>|\r\n]+\\)*[^\\/:*?"<>|\r\n]*$/.test(text)
