import { parse, stringify } from 'yaml'
import { CliError } from '../io.js'

/** One control plane of a configuration, in kumactl's terms. */
export interface ControlPlane {
  readonly name: string
  readonly url: string
  readonly caCertFile?: string | undefined
  readonly clientCertFile?: string | undefined
  readonly clientKeyFile?: string | undefined
  readonly skipVerify?: boolean | undefined
  readonly headers?: readonly { readonly key: string; readonly value: string }[] | undefined
  readonly authType?: string | undefined
  readonly authConf?: Readonly<Record<string, string>> | undefined
}

export interface ConfigContext {
  readonly name: string
  readonly controlPlane: string
}

/** What kumactl keeps in `~/.kumactl/config`. */
export interface ConfigFile {
  readonly controlPlanes: readonly ControlPlane[]
  readonly contexts: readonly ConfigContext[]
  readonly currentContext: string
}

export const emptyConfig: ConfigFile = { controlPlanes: [], contexts: [], currentContext: '' }

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads the file of kumactl or of holdfastctl: YAML of a protobuf message, in camel or snake case. Throws a CliError
 * that names the file and everything that is wrong with it.
 */
export function parseConfig(text: string, path: string): ConfigFile {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    // Below its first line is the place once more, as a picture.
    const [said = ''] = (error as Error).message.split('\n')
    throw new CliError(`${path}: ${said.replace(/:$/, '')}; mend the file, or go on without it with --no-config`)
  }
  if (value === null || value === undefined) return emptyConfig
  const fields = fieldsOf(value)
  if (fields === undefined)
    throw new CliError(`${path}: is no configuration of kumactl or holdfastctl; go on without it with --no-config`)
  const problems: string[] = []
  const controlPlanes = listOf(fields, 'controlPlanes').map((each, index) => {
    const read = controlPlaneOf(each)
    if (read.name === '') problems.push(`controlPlanes[${index}].name: is missing`)
    if (!URL.canParse(read.url))
      problems.push(`controlPlanes[${index}].coordinates.apiServer.url: ${JSON.stringify(read.url)} is no URL`)
    return read
  })
  if (problems.length > 0)
    throw new CliError(`${path}: ${problems.join('; ')}; mend the file, or go on without it with --no-config`)
  return {
    controlPlanes,
    contexts: listOf(fields, 'contexts').map((each) => ({
      name: textAt(each, 'name'),
      controlPlane: textAt(each, 'controlPlane'),
    })),
    currentContext: textAt(fields, 'currentContext'),
  }
}

function controlPlaneOf(fields: Fields): ControlPlane {
  const server = fieldsOf(get(fieldsOf(get(fields, 'coordinates')) ?? {}, 'apiServer')) ?? {}
  const conf = fieldsOf(get(server, 'authConf'))
  return {
    name: textAt(fields, 'name'),
    url: textAt(server, 'url'),
    caCertFile: textAt(server, 'caCertFile') || undefined,
    clientCertFile: textAt(server, 'clientCertFile') || undefined,
    clientKeyFile: textAt(server, 'clientKeyFile') || undefined,
    skipVerify: get(server, 'skipVerify') === true ? true : undefined,
    headers: listOf(server, 'headers').map((each) => ({ key: textAt(each, 'key'), value: textAt(each, 'value') })),
    authType: textAt(server, 'authType') || undefined,
    authConf: conf === undefined ? undefined : Object.fromEntries(Object.entries(conf).map(([k, v]) => [k, String(v)])),
  }
}

/** A file of this text is read by kumactl as well. */
export const writtenConfig = (config: ConfigFile): string => stringify(configYaml(config), { lineWidth: 0 })

export const configYaml = ({ controlPlanes, contexts, currentContext }: ConfigFile) => ({
  controlPlanes: controlPlanes.map(({ name, headers, ...server }) => ({
    name,
    coordinates: {
      apiServer: defined({ ...server, headers: headers === undefined || headers.length === 0 ? undefined : headers }),
    },
  })),
  contexts: contexts.map(({ name, controlPlane }) => ({ name, controlPlane })),
  currentContext,
})

const defined = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const get = (fields: Fields, key: string): unknown => fields[key] ?? fields[snake(key)]
const textAt = (fields: Fields, key: string): string => {
  const value = get(fields, key)
  return typeof value === 'string' ? value : ''
}
const listOf = (fields: Fields, key: string): readonly Fields[] => {
  const value = get(fields, key)
  return Array.isArray(value) ? value.map(fieldsOf).filter((each) => each !== undefined) : []
}
