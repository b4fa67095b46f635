import type { Row } from '../row.js'
import { channelRow } from './channels.js'
import { clockRows } from './clocks.js'
import { databaseRows } from './databases.js'
import { estateRows } from './estates.js'
import { guardRows } from './guards.js'
import { hubRows } from './hubs.js'
import { identityRows } from './identities.js'
import { linkRows } from './links.js'
import { logRows } from './logs.js'
import { manyRows } from './many.js'
import { poolRows } from './pools.js'
import { recoveryRows } from './recovery.js'
import { resourceRows } from './resources.js'
import { skewRows } from './skew.js'
import { storeRows } from './stores.js'
import { vipRows } from './vips.js'
import { zoneRows } from './zones.js'

/** The fault matrix, in its order. */
export const rows: readonly Row[] = [
  ...linkRows,
  channelRow,
  ...hubRows,
  ...databaseRows,
  ...recoveryRows,
  ...zoneRows,
  ...storeRows,
  ...clockRows,
  ...resourceRows,
  ...skewRows,
  ...identityRows,
  ...estateRows,
  ...manyRows,
  ...guardRows,
  ...vipRows,
  ...poolRows,
  ...logRows,
].sort((one, other) => one.id.localeCompare(other.id))
