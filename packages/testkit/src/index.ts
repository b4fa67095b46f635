export {
  countWrites,
  freshDatabase,
  lastWritten,
  rowsWritten,
  sumOfRows,
  type TestDatabase,
} from '@holdfast/store/testing'
export type { AdminAsked, AdminSaid } from './fake-kuma/admin.js'
export {
  type CrudeGlobal,
  type CrudePeer,
  type CrudeStream,
  type CrudeZone,
  type CrudeZoneOptions,
  startCrudeGlobal,
  startCrudeZone,
  wireResource,
} from './fake-kuma/crude.js'
export { type FakeKumaGlobal, type FakeKumaGlobalOptions, startFakeKumaGlobal } from './fake-kuma/global.js'
export {
  type FakeKumaLives,
  type FakeKumaLivesOptions,
  kumaBackoffMs,
  startFakeKumaLives,
} from './fake-kuma/lives.js'
export type { KumaFault, KumaObjects } from './fake-kuma/objects.js'
export type { Sent, Verdict } from './fake-kuma/provider.js'
export { sampleMessages } from './fake-kuma/samples.js'
export {
  type FakeKumaEnd,
  type FakeKumaMemory,
  type FakeKumaZone,
  type FakeKumaZoneOptions,
  startFakeKumaZone,
} from './fake-kuma/zone.js'
export { freePort } from './free-port.js'
export { createLevel, type Level, reached } from './level.js'
export { NameClient } from './name-client.js'
export {
  allow,
  type Judge,
  type Judgement,
  labelling,
  type PolicyHookServer,
  type ReviewedItem,
  startGrpcHook,
  startHttpHook,
} from './policy-hook.js'
export { type Pooler, type PoolerOptions, poolerBinary, startPooler } from './pooler.js'
export { modules, oneTypeMore, shifted } from './programs/altered.js'
export {
  ControlPlane,
  type ControlPlaneOptions,
  type LogLine,
  type Ports,
  program,
  type StartOptions,
} from './programs/control-plane.js'
export { holdfastctl } from './programs/ctl.js'
export { joinFlags } from './programs/join.js'
export { run } from './programs/run.js'
export { type UntilOptions, until } from './programs/until.js'
export { hasKuma, type KumaCp, type KumaOptions, startKuma } from './real-kuma.js'
export {
  type RecordedConnection,
  type RecordedConversation,
  type RecordedMessage,
  type RecordedMoment,
  recordedConversation,
  recordedMoments,
} from './recorded/conversation.js'
export { type GlobalPlayer, startGlobalPlayer, type ZoneSaid } from './recorded/global-player.js'
export {
  heldOf,
  requestsSaid,
  responsesSaid,
  type SaidRequest,
  type SaidVersion,
  saidBy,
  versionsSaid,
} from './recorded/held.js'
export { startZonePlayer, type ZonePlayer } from './recorded/zone-player.js'
export { askRedis, type RedisServer, type RedisServerOptions, startRedis } from './redis.js'
export { type SplittingBalancer, startSplittingBalancer } from './splitting-balancer.js'
export type { LinkShape } from './tcp-flow.js'
export { startTcpProxy, type TcpProxy, type TcpProxyCounts, type TcpProxyOptions } from './tcp-proxy.js'
export { broken, type Told, unlike, type View, VipMemory, viewOf } from './writing/ledger-watch.js'
export { Pace } from './writing/pace.js'
export { type Promised, Writer, type WriterOptions } from './writing/writer.js'
