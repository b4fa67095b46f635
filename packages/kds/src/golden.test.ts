import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { play } from './testing/script.js'

/** With HOLDFAST_GOLDEN=write the files are written instead of compared; read the difference before committing it. */
const rewrite = process.env.HOLDFAST_GOLDEN === 'write'
const folder = fileURLToPath(new URL('../testdata/', import.meta.url))

/** Told by `errors.test.ts`. */
const errors = 'errors.txt'

test.each(readdirSync(folder).filter((f) => f.endsWith('.txt') && f !== errors))('%s', (file) => {
  const path = join(folder, file)
  const script = readFileSync(path, 'utf8')
  const played = play(script)
  if (rewrite) writeFileSync(path, played)
  expect(played).toBe(rewrite ? played : script)
})
