import { type Authenticate, localhostAdmin } from '@holdfast/api'
import { type AccessRules, anonymous, authenticatedGroup, bearerToken, mayAct, type Subject } from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { Logger } from 'pino'
import type { IdentityKeeper } from './keeper.js'
import { RefusalLog } from './refusal-log.js'

export interface UsersOptions {
  readonly keeper: IdentityKeeper
  readonly access: AccessRules
  /** Whoever asks over loopback, without having come through anything, is the administrator. */
  readonly localhostIsAdmin: boolean
  readonly log: Logger
  readonly nowMs: () => number
}

/** A path may have as much as all headers together. */
const pathToldMax = 500

/**
 * Who asks: the operator of this machine, the bearer of a user token, or nobody in particular. In this order, as in Kuma:
 * at home even a wrong token does not make a stranger of the administrator.
 */
export function authenticateUsers(options: UsersOptions): Authenticate {
  const { keeper, access, localhostIsAdmin, log, nowMs } = options
  const refusals = new RefusalLog(log)
  const actorOf = (subject: Subject) => ({ ...subject, admin: mayAct(access, 'adminResources', subject) })
  return async (caller) => {
    if (localhostIsAdmin) {
      const local = await localhostAdmin(caller)
      // The rules may have taken it from the administrator that Kuma knows by name.
      if (local.admin) return actorOf(local)
    }
    const { authorization } = caller.headers
    const token = bearerToken(typeof authorization === 'string' ? authorization : authorization?.[0])
    if (token === undefined) return actorOf(anonymous)
    const verified = await keeper.verify('user', token, nowMs())
    if (!verified.ok || verified.claims.kind !== 'user') {
      const reason = verified.ok ? 'it is no user token' : verified.reason
      refusals.warn(
        { address: caller.remoteAddress, method: caller.method, path: caller.path.slice(0, pathToldMax), reason },
        'a token was refused',
      )
      throw new Problem('unauthenticated', 'Unauthenticated')
    }
    const { name, groups } = verified.claims
    return actorOf({ name, groups: [...(groups ?? []), authenticatedGroup] })
  }
}
