export * from './constants.js'
export * from './decide.js'
export * from './messages.js'
export * from './plain.js'
export * from './position.js'
export * from './sync-store.js'
export {
  newSender,
  type SenderEffect,
  type SenderEvent,
  type SenderPhase,
  type SenderState,
  type SenderStep,
  spokenMark,
} from './sender-state.js'
export { stepSender } from './sender.js'
export {
  ackedRevision,
  newReceiver,
  type ReceiverEffect,
  type ReceiverEvent,
  type ReceiverPhase,
  type ReceiverState,
  type ReceiverStep,
} from './receiver-state.js'
export { stepReceiver } from './receiver.js'
export type { Step } from './step.js'
