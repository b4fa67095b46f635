import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of the page: served as it is, to anybody; what it shows it asks the API for, as whoever looks at it. */
export interface GuiAsset {
  /** Below the API's root, such as `/gui/page/main.js`. */
  readonly path: string
  readonly contentType: string
  readonly bytes: Uint8Array
}

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Everything that the page is made of. A fixed list: no path that somebody sends is ever looked up in a folder. */
export function guiAssets(): readonly GuiAsset[] {
  return [
    ...filesOf(new URL('../assets/', import.meta.url), '/gui/'),
    // Compiled, also where the sources themselves are run.
    ...filesOf(new URL('../dist/page/', import.meta.url), '/gui/page/'),
  ]
}

function filesOf(folder: URL, below: string): readonly GuiAsset[] {
  return readdirSync(fileURLToPath(folder))
    .sort()
    .flatMap((file): readonly GuiAsset[] => {
      const contentType = file.includes('.test.') ? undefined : contentTypes[file.split('.').at(-1) ?? '']
      if (contentType === undefined) return []
      const path = file === 'index.html' ? below : `${below}${file}`
      return [{ path, contentType, bytes: readFileSync(new URL(file, folder)) }]
    })
}
