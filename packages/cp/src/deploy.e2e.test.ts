import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { specsOf } from './config/settings.js'
import { Processes, type Running } from './testing/process.js'

// What is in deploy/ fits the program: alerts, runbooks, dashboards and settings, compared with processes that run.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 })
const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const processes = new Processes()
const databases: TestDatabase[] = []
const metrics = new Set<string>()
/** What each role tells, as it is. */
const told: string[] = []

/** Names of everything that a process tells, also of what has no value yet. */
async function metricsOf(running: Running): Promise<readonly string[]> {
  const text = await (await fetch(`http://127.0.0.1:${running.ports.diagnostics}/metrics`)).text()
  told.push(text)
  return [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
}

beforeAll(async () => {
  const urls = await Promise.all(
    [0, 1].map(async () => {
      const database = await freshDatabase()
      databases.push(database)
      return database.url
    }),
  )
  // Nobody is there; it says so, and runs.
  const redis = ['--redis-url', 'redis://127.0.0.1:1']
  const global = await processes.start('global', ['--database-url', urls[0] ?? '', '--init', ...redis])
  const zone = await processes.start('zone', [
    ...['--zone', 'east', '--database-url', urls[1] ?? '', ...redis],
    ...['--global-address', 'grpc://127.0.0.1:1'],
  ])
  for (const running of [global, zone]) for (const name of await metricsOf(running)) metrics.add(name)
})

afterAll(async () => {
  await processes.close()
  for (const database of databases) await database.drop()
})

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly runbook_url: string }
}
const alerts = (): readonly Alert[] =>
  (parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] }).groups.flatMap((g) => g.rules)

/** What alerts and panels ask for. */
function asked(): readonly { readonly by: string; readonly expr: string }[] {
  const dashboard = JSON.parse(read('deploy/grafana/dashboards/holdfast.json')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  return [
    ...alerts().map(({ alert, expr }) => ({ by: alert, expr })),
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ by: title, expr }))),
  ]
}

const namesIn = (expr: string): readonly string[] => expr.match(/\bholdfast_[a-z_]+/g) ?? []

test('each alert has its runbook, with what to look at and what to do, and no runbook is without its alert', () => {
  const named = alerts().map(({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`docs/runbooks/${alert}.md`)
    const text = read(annotations.runbook_url)
    expect(text.startsWith(`# ${alert}\n`)).toBe(true)
    for (const part of ['## What it means', '## Where to look', '## What to do']) expect(text).toContain(part)
    return `${alert}.md`
  })
  expect(readdirSync(join(root, 'docs/runbooks')).sort()).toEqual([...named].sort())
  expect(new Set(named).size).toBe(named.length)
})

test('nothing reckons with two series of which one may not be there: what is told only while there is something has no zero', () => {
  const reckoned = asked().filter(({ expr }) => {
    // Outside of what an aggregation is over, and not with a plain number.
    const outside = expr.replace(/\([^()]*\)/g, '')
    return /(?:sum|max|min|avg|count)[^+*/-]*[+*/-]\s*(?:sum|max|min|avg|count|holdfast_)/.test(
      outside.replace(/by\s*/g, ''),
    )
  })
  expect(reckoned.map(({ by }) => by)).toEqual([])
})

test('every metric that an alert or a dashboard asks for is one that a process tells', () => {
  const missing = asked().flatMap(({ by, expr }) =>
    namesIn(expr).flatMap((name) => (metrics.has(name) ? [] : [`${by}: ${name}`])),
  )
  expect(missing).toEqual([])
  expect(asked().filter(({ expr }) => namesIn(expr).length > 0).length).toBeGreaterThan(20)
})

test('every setting in compose file, manifests and units is one of the program', () => {
  const known = new Set((['global', 'zone'] as const).flatMap((command) => specsOf(command).map(({ env }) => env)))
  const flags = new Set((['global', 'zone'] as const).flatMap((command) => specsOf(command).map(({ flag }) => flag)))
  const own = new Set(['HOLDFAST_DB_PASSWORD', 'HOLDFAST_REDIS_PASSWORD'])
  const files = [
    'docker-compose.yml',
    'Dockerfile',
    ...['kubernetes', 'systemd'].flatMap((folder) =>
      readdirSync(join(root, 'deploy', folder)).map((name) => `deploy/${folder}/${name}`),
    ),
  ]
  for (const file of files) {
    const strange = (read(file).match(/HOLDFAST_[A-Z_]+/g) ?? []).filter((name) => !known.has(name) && !own.has(name))
    expect([file, strange]).toEqual([file, []])
    const commands = read(file).match(/(?<=(?:\[(?:zone|global)|holdfast (?:zone|global)))[^\]\n]*/g) ?? []
    const unknown = commands.flatMap((line) => line.match(/--[a-z-]+/g) ?? []).filter((flag) => !flags.has(flag))
    expect([file, unknown]).toEqual([file, []])
  }
})

test('compose file and manifests are what they say: every name that they refer to is there', () => {
  const compose = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, { depends_on?: Record<string, unknown>; networks?: string[]; volumes?: string[] }>
    networks: object
    volumes: object
  }
  const { services } = compose
  expect(Object.keys(services)).toEqual(
    expect.arrayContaining(['global-1', 'global-2', 'global-3', 'zone-east', 'zone-west', 'postgres', 'redis']),
  )
  for (const [name, service] of Object.entries(services)) {
    const refers = [
      ...Object.keys(service.depends_on ?? {}).filter((other) => services[other] === undefined),
      ...(service.networks ?? []).filter((network) => !(network in compose.networks)),
      ...(service.volumes ?? [])
        .map((volume) => volume.split(':')[0] ?? '')
        .filter((volume) => !volume.startsWith('.') && !(volume in compose.volumes)),
    ]
    expect([name, refers]).toEqual([name, []])
  }
  const documents = ['global', 'zone'].flatMap((file) =>
    parseAllDocuments(read(`deploy/kubernetes/${file}.yaml`)).map((document) => {
      expect(document.errors).toEqual([])
      return document.toJS() as {
        apiVersion?: string
        kind?: string
        metadata?: { name?: string }
        spec?: { template?: PodTemplate; selector?: object }
      }
    }),
  )
  for (const { apiVersion, kind, metadata, spec } of documents) {
    expect([apiVersion, kind, metadata?.name].every((field) => typeof field === 'string')).toBe(true)
    for (const container of spec?.template?.spec.containers ?? []) {
      const ports = container.ports.map(({ name }) => name)
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
        expect(ports).toContain(probe.httpGet.port)
      expect(container.securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
    }
  }
  expect(documents.map(({ kind }) => kind).sort()).toEqual([
    ...['Deployment', 'Namespace', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Service', 'StatefulSet'],
  ])
})

interface Probe {
  readonly httpGet: { readonly port: string }
}
interface PodTemplate {
  readonly spec: {
    readonly containers: readonly {
      readonly ports: readonly { readonly name: string }[]
      readonly startupProbe: Probe
      readonly livenessProbe: Probe
      readonly readinessProbe: Probe
      readonly securityContext: object
    }[]
  }
}

interface AlertTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[]
  }[]
}

test('of each alert it stands when it fires and when it does not', () => {
  const cases = (parse(read('deploy/prometheus/alerts.test.yml')) as AlertTests).tests.flatMap(
    ({ alert_rule_test: cases }) => cases,
  )
  // One that must not fire beside one that does is silent too.
  const named = (fires: boolean) =>
    new Set(cases.filter(({ exp_alerts: { length } }) => length > 0 === fires).map(({ alertname }) => alertname))
  for (const { alert } of alerts())
    expect([alert, named(true).has(alert), named(false).has(alert)]).toEqual([alert, true, true])
})

/** Prometheus' own program: named by HOLDFAST_PROMTOOL, or on PATH. */
const promtoolProgram = process.env.HOLDFAST_PROMTOOL ?? 'promtool'
const promtool = (args: readonly string[], input = ''): readonly [status: number | null, said: string] => {
  const { status, stdout, stderr } = spawnSync(promtoolProgram, args, { encoding: 'utf8', input })
  return [status, `${stdout}${stderr}`]
}

test('promtool takes rules, their tests, the configuration, and what both roles tell', (context) => {
  if (spawnSync(promtoolProgram, ['--version']).status !== 0)
    return context.skip(`not run: ${promtoolProgram} cannot be run; see HOLDFAST_PROMTOOL`)
  const inDeploy = (name: string): string => join(root, 'deploy/prometheus', name)
  expect(promtool(['check', 'rules', inDeploy('alerts.yml')])[0]).toBe(0)
  expect(promtool(['test', 'rules', inDeploy('alerts.test.yml')])).toEqual([0, expect.stringContaining('SUCCESS')])
  // The rules are where the container has them.
  expect(promtool(['check', 'config', '--syntax-only', inDeploy('prometheus.yml')])[0]).toBe(0)
  for (const text of told) {
    // What Node itself is counted by has the names that its library gives.
    const said = promtool(['check', 'metrics'], text)[1].split('\n')
    expect(said.filter((line) => line !== '' && !line.startsWith('nodejs_'))).toEqual([])
  }
})

test('systemd takes the units, and has nothing to say of them', (context) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0)
    return context.skip('not run: there is no systemd-analyze here')
  const folder = join(processes.folder, 'units')
  mkdirSync(folder)
  const names = readdirSync(join(root, 'deploy/systemd'))
  // What they start is not installed here, and nobody is asked whether it is.
  for (const name of names)
    writeFileSync(join(folder, name), read(`deploy/systemd/${name}`).replaceAll('/usr/bin/holdfast', process.execPath))
  const units = names.map((name) => join(folder, name.replace('@.', '@east.')))
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' })
  expect([status, `${stdout}${stderr}`]).toEqual([0, ''])
})
