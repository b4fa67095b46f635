// Makes the two programs, as they are run from a checkout, of few files: packages/{cp,ctl}/dist/program/main.js. Loading a
// thousand small modules is most of what a start costs (docs/decisions/0050). Needs `tsc -b`; does nothing when what is
// there is newer than everything it was made of.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const programs = ['cp', 'ctl']
const folderOf = (program) => join(root, 'packages', program, 'dist', 'program')
const modifiedMs = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/** `tsc -b` touches its notes whenever it looked at a package; pnpm its own whenever it installed something. */
function inputs() {
  const notes = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'dist', '.tsbuildinfo'))
  return [...notes, join(root, 'node_modules', '.modules.yaml'), fileURLToPath(import.meta.url)]
}

function isFresh() {
  const made = Math.min(...programs.map((program) => modifiedMs(join(folderOf(program), 'main.js'))))
  return made > Math.max(...inputs().map(modifiedMs))
}

/** What a module looks for beside itself (migrations, pages, PostgreSQL) is still where it was. */
const places = (folder) => ({
  name: 'places',
  transform: {
    filter: { id: /[\\/]packages[\\/][^\\/]+[\\/]dist[\\/]/, code: 'import.meta.url' },
    handler(code, id) {
      const from = relative(folder, id).split(sep).join('/')
      return { code: code.replaceAll('import.meta.url', `new URL(${JSON.stringify(from)}, import.meta.url).href`) }
    },
  },
})

/** Makes them, if they are not fresh. @throws with what the bundler said */
export async function bundle() {
  if (isFresh()) return
  // Loaded only when there is something to do.
  const { rolldown } = await import('rolldown')
  for (const program of programs) {
    const folder = folderOf(program)
    const built = await rolldown({
      input: join(dirname(folder), 'main.js'),
      platform: 'node',
      // PostgreSQL's own client library, which nobody installs.
      external: ['pg-native'],
      plugins: [places(folder)],
      logLevel: 'warn',
    })
    rmSync(folder, { recursive: true, force: true })
    await built.write({ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' })
    await built.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await bundle()
