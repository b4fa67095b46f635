import type { Route } from '../http/route.js'
import { EstateReader } from '../insights/reader.js'
import { openApiRoute } from '../openapi/route.js'
import type { ApiContext } from '../options.js'
import { Resources } from '../resources/service.js'
import { localClaims } from '../vips/local-claims.js'
import { applyRoute } from './apply.js'
import { attachmentRoutes } from './attachments.js'
import { brakeRoutes } from './brakes.js'
import { dataplaneRoutes } from './dataplanes.js'
import { dnsRoutes } from './dns.js'
import { federationRoutes } from './federation.js'
import { findRoute } from './find.js'
import { guiRoutes } from './gui.js'
import { holdRoutes } from './holds.js'
import { hookRoutes } from './hooks.js'
import { hostnameRoutes } from './hostnames.js'
import { identityRoutes } from './identity.js'
import { importCopiesRoute } from './import-copies.js'
import { insightRoutes } from './insights.js'
import { kriRoute } from './kri.js'
import { overviewRoutes } from './overviews.js'
import { proxyRoutes } from './proxies.js'
import { recoveryRoutes } from './recovery.js'
import { resourceRoutes } from './resources.js'
import { rotationRoutes } from './rotation.js'
import { secretRoutes } from './secrets.js'
import { serverRoutes } from './server.js'
import { serviceRoutes } from './services.js'
import { syncRoutes } from './sync.js'
import { syncDiffRoute } from './sync-diff.js'
import { typeRoutes } from './types.js'
import { vipImportRoute } from './vip-import.js'
import { vipRoutes } from './vips.js'
import { zoneNameRoutes } from './zone-names.js'
import { zoneRoutes } from './zones.js'

/** The one route table of both roles. */
export function routesOf(context: ApiContext): readonly Route[] {
  const resources = new Resources(context)
  const claims = localClaims(context.store, context.dns)
  const routes: readonly Route[] = [
    ...serverRoutes(context),
    ...resourceRoutes(context, resources),
    ...hostnameRoutes(context, resources),
    ...proxyRoutes(context),
    ...overviewRoutes(context, resources),
    ...insightRoutes(context, new EstateReader(context.store, context.nowMs)),
    ...attachmentRoutes(context, resources),
    ...dataplaneRoutes(context, resources),
    kriRoute(context, resources),
    ...zoneRoutes(context, resources),
    ...zoneNameRoutes(context),
    ...federationRoutes(context),
    ...brakeRoutes(context),
    applyRoute(context, resources),
    findRoute(context, resources),
    ...vipRoutes(context, resources, claims),
    vipImportRoute(context),
    importCopiesRoute(context),
    ...syncRoutes(context),
    ...typeRoutes(context),
    ...hookRoutes(context),
    syncDiffRoute(context),
    ...serviceRoutes(context),
    ...rotationRoutes(context),
    ...dnsRoutes(context),
    ...holdRoutes(context),
    ...recoveryRoutes(context),
    ...identityRoutes(context),
    ...secretRoutes(context),
  ]
  return [...routes, openApiRoute(routes, context.server.version), ...guiRoutes(context)]
}
