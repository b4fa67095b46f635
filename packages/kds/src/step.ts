/** What a machine answers to an event: its next state, and what is to be done, in this order. */
export type Step<State, Effect> = readonly [state: State, effects: readonly Effect[]]

/** The fields of all arms of a union: each has its own of them, and none of the others. */
export type AnyOf<U> = { readonly [K in KeysOf<U>]?: ValueOf<U, K> | undefined }
type KeysOf<U> = U extends unknown ? keyof U : never
type ValueOf<U, K> = U extends unknown ? (K extends keyof U ? U[K] : never) : never

/** Runs `next` on the state of a step and appends its effects. */
export function andThen<S, T, E>([state, effects]: Step<S, E>, next: (state: S) => Step<T, E>): Step<T, E> {
  const [after, more] = next(state)
  return [after, more.length === 0 ? effects : [...effects, ...more]]
}

/** Our own mistake, never the peer's: the driver handed over what the machine did not ask for. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`kds: ${message}`)
}

export const without = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> => {
  if (!map.has(key)) return map
  const copy = new Map(map)
  copy.delete(key)
  return copy
}

export const withEntry = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> =>
  new Map(map).set(key, value)
