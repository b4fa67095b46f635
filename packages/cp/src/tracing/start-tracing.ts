import type { Tracing } from '@holdfast/tracing'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'
import type { Scope } from '../lifecycle/scope.js'
import { programVersion } from '../version.js'
import { tracesTo } from './traces-to.js'

/** Tracing as the settings and `OTEL_*` say; undefined where they do not ask for it, which costs nothing. */
export async function startTracing(options: {
  readonly role: 'global' | 'zone'
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  readonly instanceId: string
  readonly log: Logger
  readonly scope: Scope
}): Promise<Tracing | undefined> {
  const { role, settings, env, instanceId, log, scope } = options
  const { target, warnings } = tracesTo(settings.otlpEndpoint, env)
  for (const warning of warnings) log.warn(warning)
  if (target === undefined) return undefined
  const { openTelemetry } = await import('./open-telemetry.js')
  const tracing = openTelemetry({
    url: target.url,
    service: `holdfast-${role}`,
    version: programVersion,
    instanceId,
    zone: role === 'zone' ? settings.zone : '',
    log,
    nowMs: Date.now,
  })
  scope.own('traces', () => tracing.close())
  log.info({ collector: target.shown }, 'changes are traced')
  return tracing
}
