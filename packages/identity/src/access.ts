/** Who may do what over the HTTP API: Kuma's static lists, and roles that are limited to reading or to meshes. */

export interface Subject {
  readonly name: string
  readonly groups: readonly string[]
}

/** Users and groups by name; either is enough. */
export interface Subjects {
  readonly users: readonly string[]
  readonly groups: readonly string[]
}

/** `operate`: also what concerns the control plane itself, such as holds, recovery and zones' names. */
export const levels = ['read', 'write', 'operate'] as const
export type Level = (typeof levels)[number]

export interface Role extends Subjects {
  /** Names of meshes; `*`: all of them, and what belongs to none. */
  readonly meshes: readonly string[]
  readonly level: Level
}

/** Kuma's actions of `access.static.*`. */
export const staticActions = [
  'adminResources',
  'generateUserToken',
  'generateDpToken',
  'generateZoneToken',
  'viewConfigDump',
  'viewStats',
  'viewClusters',
  'controlPlaneMetadata',
] as const
export type StaticAction = (typeof staticActions)[number]

export interface AccessRules {
  readonly static: Readonly<Record<StaticAction, Subjects>>
  readonly roles: readonly Role[]
}

export const adminName = 'mesh-system:admin'
export const authenticatedGroup = 'mesh-system:authenticated'
export const unauthenticatedGroup = 'mesh-system:unauthenticated'
export const anonymous: Subject = { name: 'mesh-system:anonymous', groups: [unauthenticatedGroup] }

const admins: Subjects = { users: [adminName], groups: [adminName] }
const authenticated: Subjects = { users: [], groups: [authenticatedGroup] }

/** As in Kuma, but for one thing: who does not say who they are sees nothing. */
export const defaultAccess: AccessRules = {
  static: {
    adminResources: admins,
    generateUserToken: admins,
    generateDpToken: admins,
    generateZoneToken: admins,
    viewConfigDump: authenticated,
    viewStats: authenticated,
    viewClusters: authenticated,
    controlPlaneMetadata: authenticated,
  },
  roles: [{ ...authenticated, meshes: ['*'], level: 'write' }],
}

const isAmong = ({ users, groups }: Subjects, { name, groups: own }: Subject): boolean =>
  users.includes(name) || own.some((group) => groups.includes(group))

export const mayAct = (rules: AccessRules, action: StaticAction, subject: Subject): boolean =>
  isAmong(rules.static[action], subject)

const rank: Readonly<Record<Level, number>> = { read: 0, write: 1, operate: 2 }

/** @param mesh name of a mesh, `*` for what concerns all of them or none, undefined: any one will do */
export function mayTouch(rules: AccessRules, subject: Subject, level: Level, mesh: string | undefined): boolean {
  if (mayAct(rules, 'adminResources', subject)) return true
  return rules.roles.some(
    (role) =>
      isAmong(role, subject) &&
      rank[role.level] >= rank[level] &&
      (mesh === undefined || role.meshes.includes('*') || (mesh !== '*' && role.meshes.includes(mesh))),
  )
}

/** As Kuma writes a user in its messages: `john/team-a,mesh-system:authenticated`. */
export const subjectText = ({ name, groups }: Subject): string => [name, groups.join(',')].join('/')
