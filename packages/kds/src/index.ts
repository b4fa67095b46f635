export * from './constants.js'
export * from './decide.js'
export * from './messages.js'
export type { PlainMessage, PlainRequest, PlainResponse } from './plain.js'
export {
  newPlainReceiver,
  type PlainReceiverEffect,
  type PlainReceiverEvent,
  type PlainReceiverState,
  stepPlainReceiver,
} from './plain-receiver.js'
export { stepPlainSender } from './plain-sender.js'
export {
  newPlainSender,
  type PlainSenderEffect,
  type PlainSenderEvent,
  type PlainSenderState,
} from './plain-sender-state.js'
export * from './position.js'
export { stepReceiver } from './receiver.js'
export {
  ackedRevision,
  newReceiver,
  type ReceiverEffect,
  type ReceiverEvent,
  type ReceiverPhase,
  type ReceiverState,
  type ReceiverStep,
} from './receiver-state.js'
export { stepSender } from './sender.js'
export {
  newSender,
  type SenderEffect,
  type SenderEvent,
  type SenderPhase,
  type SenderState,
  type SenderStep,
  spokenMark,
} from './sender-state.js'
export { stepSession } from './session.js'
export {
  type ChannelReport,
  type CloseStatus,
  newSession,
  type PassedOn,
  plainChannels,
  type SessionConfig,
  type SessionEffect,
  type SessionEvent,
  type SessionPhase,
  type SessionRole,
  type SessionState,
  type SessionStep,
} from './session-state.js'
export { offerBytes } from './sizes.js'
export type { Step } from './step.js'
export * from './sync-store.js'
