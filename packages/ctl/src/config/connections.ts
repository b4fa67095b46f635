import type { Io } from '../io.js'
import { CliError, usageError } from '../io.js'
import { type ConfigFile, type ControlPlane, emptyConfig, parseConfig, writtenConfig } from './file.js'

export type { ConfigFile, ControlPlane } from './file.js'

/** Which configuration files count; paths are absolute. */
export interface ConfigPaths {
  /** Read, and written by `config control-planes`. */
  readonly own: string
  /** Only read: kumactl's, so that its contexts carry over. Absent where the own file was said. */
  readonly kumactl?: string | undefined
}

/** One file that was read, or is not there. */
interface Layer {
  readonly path: string
  readonly exists: boolean
  readonly config: ConfigFile
}

/** The control planes that the configuration names: those of our own file, then those of kumactl's that ours lacks. */
export class Connections {
  readonly #io: Io
  readonly #own: Layer
  readonly #kumactl: Layer | undefined

  constructor(io: Io, own: Layer, kumactl: Layer | undefined) {
    this.#io = io
    this.#own = own
    this.#kumactl = kumactl
  }

  static async read(io: Io, paths: ConfigPaths | undefined): Promise<Connections> {
    if (paths === undefined) return new Connections(io, { path: '', exists: false, config: emptyConfig }, undefined)
    const layer = async (path: string): Promise<Layer> => {
      const exists = (await io.files.kind(path)) === 'file'
      return { path, exists, config: exists ? parseConfig(await io.files.read(path), path) : emptyConfig }
    }
    return new Connections(
      io,
      await layer(paths.own),
      paths.kumactl === undefined || paths.kumactl === paths.own ? undefined : await layer(paths.kumactl),
    )
  }

  get controlPlanes(): readonly ControlPlane[] {
    const own = this.#own.config.controlPlanes
    const more = this.#kumactl?.config.controlPlanes ?? []
    return [...own, ...more.filter(({ name }) => !own.some((each) => each.name === name))]
  }

  get currentContext(): string {
    return this.#own.config.currentContext || this.#kumactl?.config.currentContext || ''
  }

  /** Everything that counts, as one file would say it. */
  get merged(): ConfigFile {
    const contexts = [...this.#own.config.contexts]
    for (const context of this.#kumactl?.config.contexts ?? [])
      if (!contexts.some(({ name }) => name === context.name)) contexts.push(context)
    return { controlPlanes: this.controlPlanes, contexts, currentContext: this.currentContext }
  }

  /** The control plane of a context, the current one if none is said. Undefined where nothing is configured. */
  controlPlaneOf(contextName: string | undefined): ControlPlane | undefined {
    const wanted = contextName ?? this.currentContext
    if (wanted === '') return undefined
    const context = this.merged.contexts.find(({ name }) => name === wanted)
    const known = this.merged.contexts.map(({ name }) => name).join(', ') || 'none'
    if (context === undefined) {
      if (contextName === undefined)
        throw new CliError(
          `the configuration's current context ${JSON.stringify(wanted)} is not there (there are: ${known}); choose one with 'holdfastctl config control-planes switch --name NAME'`,
        )
      throw usageError(
        `there is no context ${JSON.stringify(wanted)}; there are: ${known}. Add one with 'holdfastctl config control-planes add'`,
      )
    }
    const found = this.controlPlanes.find(({ name }) => name === context.controlPlane)
    if (found === undefined)
      throw new CliError(
        `context ${JSON.stringify(wanted)} refers to the control plane ${JSON.stringify(context.controlPlane)}, which is not configured; add it with 'holdfastctl config control-planes add'`,
      )
    return found
  }

  async add(controlPlane: ControlPlane, overwrite: boolean): Promise<void> {
    const { name } = controlPlane
    if (!overwrite && this.controlPlanes.some((each) => each.name === name))
      throw new CliError(
        `Control Plane with name ${JSON.stringify(name)} already exists. Use --overwrite to replace an existing one.`,
      )
    const { controlPlanes, contexts } = this.#own.config
    await this.#write({
      controlPlanes: [...controlPlanes.filter((each) => each.name !== name), controlPlane],
      contexts: [...contexts.filter((each) => each.name !== name), { name, controlPlane: name }],
      currentContext: name,
    })
  }

  /** @returns the control plane that is the active one instead, where the active one was removed and there is another */
  async remove(name: string): Promise<string | undefined> {
    const { controlPlanes, contexts, currentContext } = this.#own.config
    if (!controlPlanes.some((each) => each.name === name)) {
      if (this.controlPlanes.some((each) => each.name === name))
        throw new CliError(
          `Control Plane ${JSON.stringify(name)} is kumactl's, in ${this.#kumactl?.path}; remove it with kumactl`,
        )
      throw noControlPlane(name)
    }
    const gone = contexts.filter((each) => each.controlPlane === name).map((each) => each.name)
    const left = contexts.filter((each) => !gone.includes(each.name))
    const wasActive = gone.includes(currentContext)
    // As kumactl does: commands go somewhere that is known, and it is said where.
    const next = wasActive ? left[0] : undefined
    await this.#write({
      controlPlanes: controlPlanes.filter((each) => each.name !== name),
      contexts: left,
      currentContext: wasActive ? (next?.name ?? '') : currentContext,
    })
    return next?.controlPlane
  }

  async switchTo(name: string): Promise<void> {
    const context = this.merged.contexts.find((each) => each.name === name || each.controlPlane === name)
    if (context === undefined) throw noControlPlane(name)
    await this.#write({ ...this.#own.config, currentContext: context.name })
  }

  checkWritable(): void {
    if (this.#own.path === '') throw usageError('--no-config leaves no configuration to write to')
  }

  async #write(config: ConfigFile): Promise<void> {
    this.checkWritable()
    // It may hold tokens.
    await this.#io.files.writePrivate(this.#own.path, writtenConfig(config))
  }
}

const noControlPlane = (name: string): CliError =>
  new CliError(
    `there is no Control Plane with name ${JSON.stringify(name)}; see those there are with 'holdfastctl config control-planes list'`,
  )
