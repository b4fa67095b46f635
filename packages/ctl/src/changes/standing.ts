import { type Api, ApiFailure, isObject, textOf } from '../api.js'
import { CliError } from '../io.js'

/** What decides how a control plane stores what it is given. */
export interface Standing {
  readonly mode: 'global' | 'federated' | 'standalone'
  /** '' at global. */
  readonly zone: string
  /** False for a Kuma: it has none of `/_holdfast` and `/_apply`. */
  readonly isHoldfast: boolean
}

/** Asks the control plane what it is: Holdfast tells, of a Kuma its configuration does. */
export async function standingOf(api: Api): Promise<Standing> {
  try {
    const { mode, zone } = await api.get('/_holdfast/status')
    if (mode === 'global' || mode === 'federated' || mode === 'standalone')
      return { mode, zone: textOf(zone), isHoldfast: true }
    throw new CliError(
      `${api.url} does not say whether it is global or a zone; is it a control plane of this version of Holdfast?`,
    )
  } catch (error) {
    if (!(error instanceof ApiFailure) || !error.noSuchPath) throw error
    const server = await api.server()
    // Whatever else it is, its own words about the path are the better ones.
    if (server.product === '' || server.holdfast !== undefined) throw error
    const config = await api.get('/config')
    const multizone = isObject(config.multizone) ? config.multizone : {}
    const own = isObject(multizone.zone) ? multizone.zone : {}
    if (textOf(config.mode).toLowerCase() === 'global') return { mode: 'global', zone: '', isHoldfast: false }
    const federated = textOf(own.globalAddress) !== ''
    return { mode: federated ? 'federated' : 'standalone', zone: textOf(own.name), isHoldfast: false }
  }
}
