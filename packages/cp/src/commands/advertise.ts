import { jsonSpec, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, LocalOutcome } from '@holdfast/store'
import { globalEndpointsKey } from '@holdfast/zone'
import type { Logger } from 'pino'

/**
 * Tells the zones where global can be dialled. No setting is no statement: what was told before stays (EMPTY). The same
 * list writes nothing (RO).
 */
export async function advertise(
  store: ControlPlaneStore,
  addresses: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (addresses.length === 0) return
  try {
    const [outcome] = await put(store, addresses, signal)
    told(outcome, addresses, log)
  } catch (error) {
    // Zones that know where global is must not be kept from it for the sake of those that will look for it.
    log.error({ err: error, addresses }, 'zones could not be told where to dial global')
  }
}

const put = (store: ControlPlaneStore, addresses: readonly string[], signal: AbortSignal) =>
  store.local.apply(
    {
      changes: [
        {
          change: 'put',
          key: globalEndpointsKey,
          content: { labels: {}, ...jsonSpec(typeOf(globalEndpointsKey.type), { addresses: [...addresses] }) },
          namespace: '',
          displayName: globalEndpointsKey.name,
          wantsVip: false,
        },
      ],
      atomic: true,
      actor: '--advertised-address',
    },
    { signal },
  )

function told(outcome: LocalOutcome | undefined, addresses: readonly string[], log: Logger): void {
  if (outcome?.outcome === 'refused')
    log.error({ err: outcome.problem, addresses }, 'zones could not be told where to dial global')
  else if (outcome?.outcome !== 'unchanged') log.info({ addresses }, 'zones are told where to dial global')
}
