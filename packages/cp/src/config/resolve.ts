import { accessWarnings } from '@holdfast/identity'
import { parse as parseYaml, YAMLParseError } from 'yaml'
import { type KumaEnvironment, readKumaEnvironment } from './kuma-environment.js'
import { type Command, type SettingSpec, type Settings, settingSpecs, specsOf } from './settings.js'

export interface ConfigProblem {
  /** The setting as its source calls it: a flag, a variable, or a key of the file. */
  readonly key: string
  readonly source: string
  readonly message: string
}

export interface Resolved {
  readonly settings: Settings
  /** Where each setting came from: `flag`, `environment`, `file`, the variable of Kuma's or `default`. */
  readonly sources: Readonly<Partial<Record<keyof Settings, string>>>
  /** What an operator should know although nothing is wrong. */
  readonly warnings: readonly string[]
}

export interface ConfigInput {
  readonly command: Command
  readonly flags: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly text: string } | undefined
}

const loopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || address === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(address)

/**
 * Flags over `HOLDFAST_*` environment over the YAML file over what `KUMA_*` variables mean in our words over defaults: what
 * a Kuma left behind never overrules what was said to Holdfast.
 * @returns the settings with the source of each, or every problem at once.
 */
export function resolveSettings(input: ConfigInput): Resolved | readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const values: Partial<Record<keyof Settings, unknown>> = {}
  const sources: Partial<Record<keyof Settings, string>> = {}
  const fromFile = readFile(input, problems)
  const specs = specsOf(input.command)
  const kuma = readKumaEnvironment(input.env, input.command, new Set(specs.map(({ key }) => key)))
  for (const spec of settingSpecs) values[spec.key] = spec.fallback
  for (const spec of specs) {
    const found = find(spec, input, fromFile) ?? ofKuma(spec, kuma)
    if (found === undefined) {
      sources[spec.key] = 'default'
      const isInBundle = spec.key === 'zone' && isGiven('joinFile', input, fromFile)
      if (spec.required === true && input.command !== 'init' && !isInBundle)
        problems.push({
          key: spec.flag,
          source: 'nowhere',
          message: `is required (${spec.describe}); set ${spec.flag} or ${spec.env}`,
        })
      continue
    }
    const result = spec.schema.safeParse(found.value)
    if (result.success) {
      values[spec.key] = result.data
      sources[spec.key] = found.source
    } else {
      for (const issue of result.error.issues)
        problems.push({
          key: spec.kind === 'yaml' ? joinPath(found.key, ...issue.path) : found.key,
          source: found.source,
          message: `${issue.message}${shown(spec, found.raw)}`,
        })
    }
  }
  problems.push(...unknownKeys(input, fromFile))
  problems.push(...exposures(values as unknown as Settings, sources))
  for (const { variable, message } of kuma.problems) problems.push({ key: variable, source: 'environment', message })
  if (problems.length > 0) return problems
  const settings = values as unknown as Settings
  return { settings, sources, warnings: [...kumaWarnings(specs, sources, kuma), ...accessWarnings(settings.access)] }
}

function ofKuma(spec: SettingSpec, { values }: KumaEnvironment): Found | undefined {
  const said = values[spec.key]
  if (said === undefined) return undefined
  const { text, variable } = said
  return { value: coerce(spec, text), raw: text, source: variable, key: variable }
}

function kumaWarnings(
  specs: readonly SettingSpec[],
  sources: Partial<Record<keyof Settings, string>>,
  kuma: KumaEnvironment,
): readonly string[] {
  const taken = specs.flatMap(({ key, env }): readonly string[] => {
    const said = kuma.values[key]
    if (said === undefined) return []
    return sources[key] === said.variable
      ? [`${said.variable} is understood; Holdfast calls it ${env}, which should be set instead`]
      : [`${said.variable} is not used: ${env} or another source of Holdfast's says it already`]
  })
  return [
    ...taken,
    ...kuma.notTaken.map(({ variable, because }) => `${variable} ${because}`),
    ...(kuma.unknown.length === 0 ? [] : [`${kuma.unknown.join(', ')}: Holdfast has nothing of that name`]),
  ]
}

interface Found {
  readonly value: unknown
  readonly raw: unknown
  readonly source: string
  readonly key: string
}

function find(spec: SettingSpec, input: ConfigInput, file: Readonly<Record<string, unknown>>): Found | undefined {
  const flag = input.flags[spec.key]
  if (flag !== undefined) return { value: coerce(spec, flag), raw: flag, source: 'flag', key: spec.flag }
  const env = input.env[spec.env]
  if (env !== undefined && env !== '')
    return { value: coerce(spec, env), raw: env, source: 'environment', key: spec.env }
  const inFile = file[spec.key]
  if (inFile !== undefined && inFile !== null)
    return { value: coerce(spec, inFile), raw: inFile, source: `file ${input.file?.path ?? ''}`, key: spec.key }
  return undefined
}

function coerce(spec: SettingSpec, value: unknown): unknown {
  switch (spec.kind) {
    case 'text':
      return value
    case 'number':
      return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    case 'switch':
      return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value
    case 'yaml':
      return typeof value === 'string' ? yamlOf(value) : value
    case 'list':
      return typeof value === 'string'
        ? value
            .split(',')
            .map((v) => v.trim())
            .filter((v) => v !== '')
        : value
  }
}

/** Text that is no YAML stays text, which the schema refuses. */
function yamlOf(text: string): unknown {
  try {
    return parseYaml(text)
  } catch {
    return text
  }
}

const joinPath = (base: string, ...parts: readonly PropertyKey[]): string =>
  parts.reduce<string>(
    (path, part) => (typeof part === 'number' ? `${path}[${part}]` : `${path}.${String(part)}`),
    base,
  )

const shown = (spec: SettingSpec, raw: unknown): string => (spec.secret === true ? '' : `, got ${JSON.stringify(raw)}`)

function readFile(input: ConfigInput, problems: ConfigProblem[]): Readonly<Record<string, unknown>> {
  if (input.file === undefined) return {}
  try {
    const parsed: unknown = parseYaml(input.file.text)
    if (parsed === null || parsed === undefined) return {}
    if (typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as Record<string, unknown>
    problems.push({ key: '--config', source: input.file.path, message: 'must be a YAML mapping of settings' })
  } catch (error) {
    const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined
    const where = at === undefined ? '' : `:${at.line}:${at.col}`
    problems.push({
      key: '--config',
      source: `${input.file.path}${where}`,
      message: `is not valid YAML: ${(error as Error).message.split('\n')[0] ?? ''}`,
    })
  }
  return {}
}

function unknownKeys(input: ConfigInput, file: Readonly<Record<string, unknown>>): ConfigProblem[] {
  const known = new Set<string>(settingSpecs.map((s) => s.key))
  return Object.keys(file)
    .filter((k) => !known.has(k))
    .map((key) => ({
      key,
      source: `file ${input.file?.path ?? ''}`,
      message: 'is not a setting of holdfast; see --help for the names',
    }))
}

const isGiven = (key: keyof Settings, input: ConfigInput, file: Readonly<Record<string, unknown>>): boolean => {
  const spec = settingSpecs.find((one) => one.key === key)
  return spec !== undefined && find(spec, input, file) !== undefined
}

/** Nothing listens where strangers could reach it, unless it is encrypted and asks who is there. */
function exposures(values: Settings, sources: Partial<Record<keyof Settings, string>>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const say = (key: keyof Settings, message: string): void => {
    const flag = settingSpecs.find((spec) => spec.key === key)?.flag ?? key
    problems.push({ key: flag, source: sources[key] ?? 'default', message })
  }
  const isOpen = (address: unknown): boolean => typeof address === 'string' && !loopback(address)
  const { apiAddress, kdsAddress, kdsTls, unauthenticatedZones } = values
  if (isOpen(apiAddress))
    say(
      'apiAddress',
      `${apiAddress} is not a loopback address, and this port has no TLS: leave it on 127.0.0.1 or ::1, and serve others over TLS with --api-tls-address ${apiAddress}`,
    )
  if (isOpen(kdsAddress) && kdsTls === 'off')
    say(
      'kdsAddress',
      `${kdsAddress} is not a loopback address: without TLS (--kds-tls off) zones are served on 127.0.0.1 or ::1 only`,
    )
  if (isOpen(kdsAddress) && Array.isArray(unauthenticatedZones) && unauthenticatedZones.includes('*'))
    say(
      'unauthenticatedZones',
      `* lets everybody be any zone, and ${kdsAddress} is not a loopback address: name the zones that can prove nothing`,
    )
  for (const [cert, key] of [
    ['kdsTlsCertFile', 'kdsTlsKeyFile'],
    ['apiTlsCertFile', 'apiTlsKeyFile'],
  ] as const)
    if ((values[cert] === undefined) !== (values[key] === undefined))
      say(values[cert] === undefined ? key : cert, 'a certificate and its private key are given together, or neither')
  return problems
}

/** What `/config` and the log may show. */
export function maskedSettings({
  databaseUrl,
  redisUrl,
  policyHooks,
  ...settings
}: Settings): Readonly<Record<string, unknown>> {
  return {
    ...settings,
    policyHooks: policyHooks.map((hook) => ({ ...hook, url: maskUrl(hook.url) })),
    ...(redisUrl === undefined ? {} : { redis: maskUrl(redisUrl) }),
    database: databaseUrl === undefined ? 'embedded' : maskUrl(databaseUrl),
  }
}

/** Hides the password of a URL, wherever it stands. */
export function maskUrl(url: string): string {
  return url.replace(/^([a-z+]+:\/\/[^:@/]*):[^@]*@/i, '$1:*****@').replace(/([?&]\w*password=)[^&]*/gi, '$1*****')
}
