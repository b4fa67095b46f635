/** Whoever looks has to say who they are. */
export class WhoAreYou extends Error {}

/** Asks the API. The token lives in this page alone and goes with it. */
export function createAsk(tokenOf: () => string): (path: string, timeoutMs?: number) => Promise<unknown> {
  return async (path, timeoutMs = 10_000) => {
    const token = tokenOf()
    const response = await fetch(path, {
      headers: { accept: 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (response.status === 401 || response.status === 403)
      throw new WhoAreYou(`${path} answered ${response.status}: give a token of somebody who may look`)
    if (!response.ok) throw new Error(`${path} answered ${response.status}; the log of this control plane says why`)
    return response.json()
  }
}
