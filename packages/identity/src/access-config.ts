import {
  type AccessRules,
  anonymous,
  defaultAccess,
  type Level,
  levels,
  type Role,
  type StaticAction,
  type Subjects,
  staticActions,
  unauthenticatedGroup,
} from './access.js'

export interface AccessProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

type Path = AccessProblem['path']
type Fields = Readonly<Record<string, unknown>>

/**
 * Reads who may do what: `static` with Kuma's lists, each of which keeps what is not said, and `roles`, which replace the
 * one that lets everybody write who says who they are.
 * @returns the rules, and everything that is wrong with them
 */
export function parseAccess(given: unknown): {
  readonly rules: AccessRules
  readonly problems: readonly AccessProblem[]
} {
  const reader = new Reader()
  const said = reader.fields(given, [], ['static', 'roles'], 'must be a mapping with "static" and "roles"')
  const actions = reader.fields(
    said.static ?? {},
    ['static'],
    staticActions,
    `must be a mapping of ${staticActions.join(', ')}`,
  )
  const lists = { ...defaultAccess.static }
  for (const action of staticActions)
    if (actions[action] !== undefined) lists[action] = staticOf(reader, actions[action], action)
  const roles = said.roles === undefined ? defaultAccess.roles : rolesOf(reader, said.roles)
  return { rules: { static: lists, roles }, problems: reader.problems }
}

/** What an operator should know of rules that are none the less taken. */
export function accessWarnings({ static: lists, roles }: AccessRules): readonly string[] {
  const shown = [
    ...roles.filter(isForStrangers).map(({ meshes }) => `read ${meshes.join(', ')}`),
    ...staticActions.filter((action) => isForStrangers(lists[action])),
  ]
  return shown.length === 0
    ? []
    : [`access: whoever reaches the API may do this without saying who they are: ${shown.join('; ')}`]
}

const isForStrangers = ({ users, groups }: Subjects): boolean =>
  users.includes(anonymous.name) || groups.includes(unauthenticatedGroup)

/** What gives more than a look at things: nobody may have it who does not say who they are. */
const guarded: ReadonlySet<StaticAction> = new Set([
  'adminResources',
  'generateUserToken',
  'generateDpToken',
  'generateZoneToken',
])

const toStrangers = 'must not be given to those who do not say who they are'

function staticOf(reader: Reader, given: unknown, action: StaticAction): Subjects {
  const path: Path = ['static', action]
  const subjects = reader.subjects(reader.fields(given, path, ['users', 'groups'], subjectsShape), path)
  const rule = {
    users: subjects.users ?? defaultAccess.static[action].users,
    groups: subjects.groups ?? defaultAccess.static[action].groups,
  }
  if (guarded.has(action) && isForStrangers(rule)) reader.say(path, toStrangers)
  if (action === 'adminResources' && rule.users.length + rule.groups.length === 0)
    reader.say(path, 'must name somebody: without an administrator nobody reads secrets or operates')
  return rule
}

function rolesOf(reader: Reader, given: unknown): readonly Role[] {
  if (!Array.isArray(given)) {
    reader.say(['roles'], 'must be a list of roles, each with groups or users, meshes and level')
    return []
  }
  return given.map((one: unknown, at) => roleOf(reader, one, ['roles', at]))
}

function roleOf(reader: Reader, given: unknown, path: Path): Role {
  if (!isFields(given)) {
    reader.say(path, roleShape)
    return { users: [], groups: [], meshes: [], level: 'read' }
  }
  const said = reader.fields(given, path, ['users', 'groups', 'meshes', 'level'], roleShape)
  const { users = [], groups = [] } = reader.subjects(said, path)
  const isList = Array.isArray(said.meshes) && said.meshes.length > 0
  if (!isList) reader.say([...path, 'meshes'], 'must name a mesh at least; "*" is all of them and what belongs to none')
  const meshes = isList
    ? reader.texts(said.meshes, [...path, 'meshes'], meshName, 'must be the name of a mesh, or "*"')
    : []
  const level = levels.find((one) => one === said.level)
  if (level === undefined) reader.say([...path, 'level'], `must be one of ${levels.join(', ')}`)
  const role = { users, groups, meshes, level: level ?? ('read' satisfies Level) }
  if (!('users' in said || 'groups' in said) || (users.length + groups.length === 0 && !reader.failedUnder(path)))
    reader.say(path, 'must name a user or a group')
  if (level === 'operate' && isList && !meshes.includes('*'))
    reader.say(
      [...path, 'meshes'],
      'must be "*" for operate: what is operated is the control plane, which is of no mesh',
    )
  if (level !== 'read' && isForStrangers(role)) reader.say(path, `${toStrangers}, unless its level is read`)
  return role
}

const isFields = (given: unknown): given is Fields =>
  typeof given === 'object' && given !== null && !Array.isArray(given)

const subjectsShape = 'must be a mapping with "users" and "groups"'
const roleShape = 'must be a mapping with "users" or "groups", "meshes" and "level"'
const meshName = /^(\*|[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)$/
const subjectName = /^\S(.{0,253}\S)?$/

/** Goes on after a problem, so that one reading tells them all. */
class Reader {
  readonly #problems: AccessProblem[] = []

  get problems(): readonly AccessProblem[] {
    return this.#problems
  }

  say(path: Path, message: string): void {
    this.#problems.push({ path, message })
  }

  failedUnder(path: Path): boolean {
    return this.#problems.some((problem) => path.every((part, at) => problem.path[at] === part))
  }

  fields(given: unknown, path: Path, known: readonly string[], shape: string): Fields {
    if (!isFields(given)) {
      this.say(path, shape)
      return {}
    }
    for (const key of Object.keys(given))
      if (!known.includes(key)) this.say([...path, key], `is not known; there are ${known.join(', ')}`)
    return given
  }

  subjects(said: Fields, path: Path): { readonly users?: readonly string[]; readonly groups?: readonly string[] } {
    const of = (key: 'users' | 'groups') =>
      said[key] === undefined
        ? {}
        : { [key]: this.texts(said[key], [...path, key], subjectName, 'must be the name of a user or group') }
    return { ...of('users'), ...of('groups') }
  }

  texts(given: unknown, path: Path, pattern: RegExp, message: string): readonly string[] {
    if (!Array.isArray(given)) {
      this.say(path, 'must be a list of names')
      return []
    }
    return given.filter((one: unknown, at): one is string => {
      const fits = typeof one === 'string' && pattern.test(one)
      if (!fits) this.say([...path, at], message)
      return fits
    })
  }
}
