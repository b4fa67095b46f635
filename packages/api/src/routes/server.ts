import { allTypes, isPluginPolicy, type TypeDescriptor } from '@holdfast/model'
import { checkAction } from '../http/access.js'
import { maskSecrets } from '../http/mask.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { readOnlyReason } from '../resources/permissions.js'

/** What the server is, and who is asking: `/`, `/config`, `/who-am-i`, `/_resources`, `/policies`. */
export function serverRoutes(context: ApiContext): readonly Route[] {
  const { server, mode, config } = context
  const title = 'Could not tell about the control plane'
  return [
    {
      method: 'GET',
      path: '/',
      title,
      // kumactl asks without credentials before it knows any.
      open: true,
      handle: async () =>
        ok({
          ...(server.basedOnKuma === undefined ? {} : { basedOnKuma: server.basedOnKuma }),
          clusterId: await context.clusterId(),
          gui: context.gui === undefined ? '' : '/gui',
          hostname: server.hostname,
          instanceId: server.instanceId,
          product: server.product,
          version: server.version,
        }),
    },
    {
      method: 'GET',
      path: '/config',
      title,
      access: 'handler',
      handle: async ({ actor }) => {
        checkAction(context, 'controlPlaneMetadata', actor, 'cannot access control-plane metadata')
        return ok(maskSecrets(config()))
      },
    },
    {
      method: 'GET',
      path: '/who-am-i',
      title,
      access: 'handler',
      handle: async ({ actor: { name, groups } }) => ok({ name, groups }),
    },
    {
      method: 'GET',
      path: '/policies',
      title,
      access: 'any',
      handle: async () =>
        ok({
          policies: allTypes
            .filter((type) => type.policy !== undefined && type.path !== undefined)
            .map((type) => policyJson(type, readOnlyReason(type, mode) !== undefined))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
        }),
    },
    {
      method: 'GET',
      path: '/_resources',
      title,
      access: 'any',
      handle: async () =>
        ok({
          resources: allTypes
            .filter((type) => type.path !== undefined && !type.internal)
            .map((type) => resourceJson(type, mode === 'federated'))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
        }),
    },
  ]
}

/** Keys in alphabetical order, as Kuma has them. On a federated zone it calls every type read-only. */
const resourceJson = (type: TypeDescriptor, federated: boolean) => ({
  includeInFederation: type.globalToZones && !type.readOnly,
  name: type.name,
  path: type.path,
  pluralDisplayName: type.displayNamePlural,
  ...(type.policy === undefined
    ? {}
    : {
        policy: {
          hasFromTargetRef: type.policy.hasFrom,
          hasRulesTargetRef: type.policy.hasRules,
          hasToTargetRef: type.policy.hasTo,
          isFromAsRules: type.policy.isFromAsRules,
          isTargetRef: isPluginPolicy(type),
        },
      }),
  readOnly: type.readOnly || federated,
  scope: type.scope === 'global' ? 'Global' : 'Mesh',
  shortName: type.shortName,
  singularDisplayName: type.displayName,
})

/** The older list, of the policies alone. */
const policyJson = (type: TypeDescriptor, readOnly: boolean) => ({
  name: type.name,
  readOnly,
  path: type.path,
  singularDisplayName: type.displayName,
  pluralDisplayName: type.displayNamePlural,
  isExperimental: false,
  isTargetRefBased: isPluginPolicy(type),
  isInbound: type.policy?.hasFrom ?? false,
  isOutbound: type.policy?.hasTo ?? false,
})
