import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { JsonObject } from '../kinds/json.js'

/** What the HTTP API of one control plane answered, by path of the list. */
export type RecordedState = Readonly<Record<string, readonly JsonObject[]>>

/** States of a recorded mesh at its moments, by control plane: `global`, `zone-1`, `zone-2`. */
export const recordedStates = (folder: string): Readonly<Record<string, Readonly<Record<string, RecordedState>>>> =>
  JSON.parse(
    gunzipSync(readFileSync(new URL(`../../testdata/${folder}/states.json.gz`, import.meta.url))).toString('utf8'),
  )
