import { create } from '@bufbuild/protobuf'
import type { Answer, Hello, StoreState } from '@holdfast/kds'
import { AnswerSchema, HelloSchema, type Answer as WireAnswer, type Hello as WireHello } from '@holdfast/proto'
import { bytesOfHex, bytesOfUuid, hexOf, oneOf, uuidOf } from './fields.js'
import {
  beginFromWire,
  beginToWire,
  cursorFromWire,
  cursorToWire,
  markFromWire,
  markToWire,
  standingFromWire,
  standingToWire,
} from './standing.js'

/** The first request and the first response on GlobalToZoneSync between two Holdfast peers. */

const storeStates: readonly StoreState[] = ['uninitialised', 'recovering', 'ready']
/** A SHA-256. */
const typeSetBytes = 32

export const helloToWire = (hello: Hello): WireHello =>
  create(HelloSchema, {
    hashAlgorithm: hello.hashAlgorithm,
    typeSet: bytesOfHex('hello.type_set', hello.typeSet, typeSetBytes),
    storeId: bytesOfUuid('hello.store_id', hello.storeId),
    state: hello.state,
    everInStep: hello.everInStep,
    down: standingToWire(hello.down),
    up: markToWire(hello.up),
    status: markToWire(hello.status),
    version: hello.version,
    traces: hello.traces === true,
    ...(hello.knownTypeSet === undefined
      ? {}
      : { knownTypeSet: bytesOfHex('hello.known_type_set', hello.knownTypeSet, typeSetBytes) }),
  })

export const helloFromWire = (hello: WireHello): Hello => ({
  hashAlgorithm: hello.hashAlgorithm,
  typeSet: hexOf('hello.type_set', hello.typeSet, typeSetBytes),
  storeId: uuidOf('hello.store_id', hello.storeId),
  state: oneOf('hello.state', hello.state, storeStates),
  everInStep: hello.everInStep,
  down: standingFromWire('hello.down', hello.down),
  up: markFromWire('hello.up', hello.up),
  status: markFromWire('hello.status', hello.status),
  version: hello.version,
  ...(hello.traces ? { traces: true } : {}),
  ...(hello.knownTypeSet.length === 0
    ? {}
    : { knownTypeSet: hexOf('hello.known_type_set', hello.knownTypeSet, typeSetBytes) }),
})

export const answerToWire = (answer: Answer): WireAnswer =>
  create(AnswerSchema, {
    storeId: bytesOfUuid('answer.store_id', answer.storeId),
    state: answer.state,
    ...(answer.down === undefined ? {} : { down: beginToWire(answer.down) }),
    upInStep: answer.upInStep,
    statusInStep: answer.statusInStep,
    ...(answer.upCursor === undefined ? {} : { upCursor: cursorToWire(answer.upCursor) }),
    owesReturn: answer.owesReturn === true,
    traces: answer.traces === true,
    version: answer.version,
  })

export const answerFromWire = (answer: WireAnswer): Answer => ({
  storeId: uuidOf('answer.store_id', answer.storeId),
  state: oneOf('answer.state', answer.state, storeStates),
  ...(answer.down === undefined ? {} : { down: beginFromWire('answer.down', answer.down) }),
  upInStep: answer.upInStep,
  statusInStep: answer.statusInStep,
  ...(answer.upCursor === undefined ? {} : { upCursor: cursorFromWire('answer.up_cursor', answer.upCursor) }),
  ...(answer.owesReturn ? { owesReturn: true } : {}),
  ...(answer.traces ? { traces: true } : {}),
  version: answer.version,
})
