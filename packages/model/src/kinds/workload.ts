import { z } from 'zod'
import { keptKind } from './json-kind.js'

/** What several proxies run together. All that is known of it is computed. */
export const workloadKind = keptKind('Workload', z.looseObject({}), () => [])
