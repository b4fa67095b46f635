import { createHash } from 'node:crypto'
import { titles } from '../http/errors.js'
import type { Route } from '../http/route.js'
import type { ApiContext } from '../options.js'

/**
 * Nothing from elsewhere, nothing inline, in nobody's frame: whatever a name or a reason contains, the page runs only what
 * came with it.
 */
const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** The web page, file by file. Open to anybody, for it holds nothing: what it shows it asks the API for. */
export const guiRoutes = ({ gui = [] }: ApiContext): readonly Route[] =>
  gui.map(({ path, contentType, bytes }): Route => {
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
    return {
      ...{ method: 'GET', path, title: titles.get, open: true },
      handle: async (request) =>
        request.headers['if-none-match'] === etag
          ? { status: 304, body: undefined, as: 'nothing', headers: { ...headers, etag } }
          : { status: 200, body: undefined, raw: { contentType, bytes }, headers: { ...headers, etag } },
    }
  })
