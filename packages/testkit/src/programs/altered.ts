import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The control plane's program, a file for each module: here a preloaded one can alter what the others import. */
export const modules = fileURLToPath(new URL('../../../cp/dist/main.js', import.meta.url))

/** The environment in which a program's clock is off; sockets and OpenSSL go on with the machine's. */
export function shifted(folder: string, ms: number): Readonly<Record<string, string>> {
  const preload = join(folder, `clock-${ms}.mjs`)
  writeFileSync(
    preload,
    `const Real = Date
     globalThis.Date = class Date extends Real {
       constructor(...given) {
         if (given.length === 0) super(Real.now() + ${ms})
         else super(...given)
       }
       static now() {
         return Real.now() + ${ms}
       }
     }`,
  )
  return { NODE_OPTIONS: `--import ${preload}` }
}

/** The program that knows one type of resource more, as the next version may. */
export function oneTypeMore(folder: string): {
  readonly program: string
  readonly env: Readonly<Record<string, string>>
} {
  const table = fileURLToPath(new URL('../../../model/dist/type-table.js', import.meta.url))
  const preload = join(folder, 'one-type-more.mjs')
  writeFileSync(
    preload,
    `import { allTypes } from ${JSON.stringify(table)}
     const like = allTypes.find((type) => type.name === 'MeshTimeout')
     allTypes.push({
       ...like, name: 'MeshGadget', order: 99000, path: 'meshgadgets', pathAliases: [], shortName: 'mgad', policy: undefined,
       singular: ['meshgadget'], plural: ['meshgadgets'], displayName: 'Mesh Gadget', displayNamePlural: 'Mesh Gadgets',
       globalToZones: true, zoneToGlobal: true, acrossZones: true, providedByZone: true, providedByGlobal: true,
     })`,
  )
  return { program: modules, env: { NODE_OPTIONS: `--import ${preload}` } }
}
