import { expect, test } from 'vitest'
import { anonymous, defaultAccess, mayAct, mayTouch } from './access.js'
import { accessWarnings, parseAccess } from './access-config.js'

const told = (given: unknown): readonly string[] =>
  parseAccess(given).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

test('what is not said stays: a list of Kuma by itself, the roles as a whole', () => {
  expect(parseAccess({})).toEqual({ rules: defaultAccess, problems: [] })
  const { rules, problems } = parseAccess({
    static: { generateUserToken: { groups: ['ops'] }, viewStats: { users: ['ann'], groups: [] } },
    roles: [
      { groups: ['team-a'], meshes: ['a'], level: 'write' },
      { users: ['jo'], meshes: ['*'], level: 'read' },
    ],
  })
  expect(problems).toEqual([])
  const of = (name: string, ...groups: readonly string[]) => ({
    name,
    groups: [...groups, 'mesh-system:authenticated'],
  })
  expect(mayAct(rules, 'generateUserToken', of('jo', 'ops'))).toBe(true)
  expect(mayAct(rules, 'generateUserToken', of('mesh-system:admin'))).toBe(true)
  expect(mayAct(rules, 'generateZoneToken', of('jo', 'ops'))).toBe(false)
  expect([mayAct(rules, 'viewStats', of('ann')), mayAct(rules, 'viewStats', of('jo'))]).toEqual([true, false])
  expect(mayTouch(rules, of('x', 'team-a'), 'write', 'a')).toBe(true)
  expect(mayTouch(rules, of('x', 'team-a'), 'read', 'b')).toBe(false)
  expect(mayTouch(rules, of('jo'), 'read', '*')).toBe(true)
  expect(mayTouch(rules, of('jo'), 'write', 'a')).toBe(false)
  // Who is in no role has nothing any more.
  expect(mayTouch(rules, of('ann'), 'read', undefined)).toBe(false)
})

test('everything that is wrong is told at once, each with its place', () => {
  expect(
    told({
      statics: {},
      static: {
        adminResources: { users: [], groups: [] },
        generateDpToken: { groups: ['mesh-system:unauthenticated'] },
        generateTokens: {},
        viewStats: { user: ['ann'] },
        viewClusters: ['ann'],
      },
      roles: [
        { group: ['a'], meshes: ['A_'], level: 'admin' },
        { groups: ['a', 7], meshes: [], level: 'write' },
        { groups: [], meshes: ['a'], level: 'operate' },
        { users: ['mesh-system:anonymous'], meshes: ['*'], level: 'write' },
        'all',
      ],
    }),
  ).toEqual([
    'statics: is not known; there are static, roles',
    expect.stringMatching(/^static\.generateTokens: is not known; there are adminResources, /),
    'static.adminResources: must name somebody: without an administrator nobody reads secrets or operates',
    'static.generateDpToken: must not be given to those who do not say who they are',
    'static.viewStats.user: is not known; there are users, groups',
    'static.viewClusters: must be a mapping with "users" and "groups"',
    'roles.0.group: is not known; there are users, groups, meshes, level',
    'roles.0.meshes.0: must be the name of a mesh, or "*"',
    'roles.0.level: must be one of read, write, operate',
    'roles.0: must name a user or a group',
    'roles.1.groups.1: must be the name of a user or group',
    'roles.1.meshes: must name a mesh at least; "*" is all of them and what belongs to none',
    'roles.2: must name a user or a group',
    'roles.2.meshes: must be "*" for operate: what is operated is the control plane, which is of no mesh',
    'roles.3: must not be given to those who do not say who they are, unless its level is read',
    'roles.4: must be a mapping with "users" or "groups", "meshes" and "level"',
  ])
  expect([told('x'), told({ roles: {} })].flat()).toEqual([
    ': must be a mapping with "static" and "roles"',
    'roles: must be a list of roles, each with groups or users, meshes and level',
  ])
})

test('strangers may be let read, which is told', () => {
  const { rules, problems } = parseAccess({
    static: { viewConfigDump: { groups: ['mesh-system:unauthenticated'] } },
    roles: [{ groups: ['mesh-system:unauthenticated'], meshes: ['demo'], level: 'read' }],
  })
  expect(problems).toEqual([])
  expect([mayTouch(rules, anonymous, 'read', 'demo'), mayTouch(rules, anonymous, 'read', 'other')]).toEqual([
    true,
    false,
  ])
  expect(accessWarnings(rules)).toEqual([
    'access: whoever reaches the API may do this without saying who they are: read demo; viewConfigDump',
  ])
  expect(accessWarnings(defaultAccess)).toEqual([])
})
