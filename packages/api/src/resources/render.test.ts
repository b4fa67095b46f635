import { allTypes } from '@holdfast/model'
import { anyResourceOf } from '@holdfast/model/testing'
import type { Row } from '@holdfast/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renderRow, shownAddresses, viewerOf } from './render.js'

const address = fc.oneof(fc.ipV4(), fc.ipV6())

test.each(allTypes.filter(({ vipKind }) => vipKind).map((type) => [type.name, type] as const))(
  'VIP-4: the API shows those addresses of a %s that its row has, and no others',
  (_, type) => {
    let some = 0
    fc.assert(
      fc.property(anyResourceOf(type, 'east'), fc.uniqueArray(address, { maxLength: 3 }), (resource, addresses) => {
        const row: Row = {
          ...{ ...resource, exportName: resource.name, displayName: resource.name, namespace: '', origin: 'east' },
          ...{ audience: 'all', revision: 1, deleted: false, createdAtMs: 0, modifiedAtMs: 0, statusRevision: 0 },
          exposed: true,
          vips: addresses.length === 0 ? undefined : { addresses, generation: 0 },
        }
        for (const viewer of [viewerOf('global', ''), viewerOf('federated', 'west')])
          expect(shownAddresses(renderRow(row, viewer, undefined))).toEqual(addresses)
        some += addresses.length
      }),
      { seed: 20_261_129, numRuns: 60 },
    )
    expect(some).toBeGreaterThan(30)
  },
)
