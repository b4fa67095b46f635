import type { KumaResourceParts } from '@holdfast/model'
import { type KumaObjects, keyOf } from './objects.js'

/** What a fake control plane offers, changed by tests. */
export class OwnObjects {
  readonly #byType = new Map<string, Map<string, KumaResourceParts>>()

  all(): KumaObjects {
    return this.#byType
  }

  put(type: string, parts: KumaResourceParts): void {
    const ofType = this.#byType.get(type) ?? new Map<string, KumaResourceParts>()
    ofType.set(keyOf(parts), parts)
    this.#byType.set(type, ofType)
  }

  remove(type: string, key: string): void {
    this.#byType.get(type)?.delete(key)
  }
}
