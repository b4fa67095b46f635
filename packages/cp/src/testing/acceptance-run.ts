import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { expect } from 'vitest'
import { type Step, steps, type Tool, writeFiles } from './acceptance.js'
import type { Ended, Processes } from './process.js'
import { inStep, until } from './process.js'

type Run = (args: readonly string[], input?: string) => Promise<Ended>

const of = <T>(value: T | Readonly<Record<Tool, T>>, tool: Tool): T =>
  typeof value === 'object' && value !== null && tool in value
    ? (value as Readonly<Record<Tool, T>>)[tool]
    : (value as T)

/**
 * Starts a global and a zone and runs every step with a tool. All that is not as it should be is told at the end, each
 * with its command line.
 */
export async function acceptance(processes: Processes, tool: Tool, run: Run): Promise<readonly string[]> {
  const databases = { global: await freshDatabase(), zone: await freshDatabase() }
  try {
    return await problemsOf(processes, await started(processes, databases), tool, run)
  } finally {
    await processes.close()
    for (const made of Object.values(databases)) await made.drop()
  }
}

async function problemsOf(
  processes: Processes,
  urls: Readonly<Record<'global' | 'zone', string>>,
  tool: Tool,
  run: Run,
): Promise<readonly string[]> {
  writeFiles(processes.folder)
  const config = join(processes.folder, 'config')
  const asked: Run = (args, input) => run(['--config-file', config, ...args], input)
  for (const [name, url] of Object.entries(urls)) {
    const added = await asked(['config', 'control-planes', 'add', '--name', name, '--address', url])
    expect([added.status, added.err], added.err).toEqual([0, ''])
    expect(added.out).toBe(`added Control Plane "${name}"\nswitched active Control Plane to "${name}"\n`)
  }
  expect((await asked(['config', 'control-planes', 'list'])).out).toMatch(/^\* +zone +http/m)
  expect(readFileSync(config, 'utf8')).toContain('currentContext: zone')

  const problems: string[] = []
  for (const step of steps.filter(({ only }) => only === undefined || only === tool)) {
    let problem = await tried(step, tool, asked)
    const again = async (): Promise<boolean> => {
      problem = await tried(step, tool, asked)
      return problem === ''
    }
    // What it comes to at last is told below.
    if (step.within === 'sync' && problem !== '') await until(step.args.join(' '), again).catch(() => {})
    if (problem !== '') problems.push(problem)
  }
  return problems
}

async function tried(step: Step, tool: Tool, run: Run): Promise<string> {
  const { status, out, err } = await run(['--context', step.at, ...step.args], step.input)
  const wanted = {
    status: of(step.status, tool),
    out: step.out && of(step.out, tool),
    err: step.err && of(step.err, tool),
  }
  const wrong = [
    ...(status === wanted.status ? [] : [`status ${status}, not ${wanted.status}`]),
    ...(wanted.out === undefined || wanted.out.test(out) ? [] : [`standard output is not ${wanted.out}`]),
    ...(wanted.err === undefined || wanted.err.test(err) ? [] : [`standard error is not ${wanted.err}`]),
  ]
  return wrong.length === 0 ? '' : `${step.at}: ${tool} ${step.args.join(' ')}\n  ${wrong.join('\n  ')}\n${out}${err}`
}

async function started(
  processes: Processes,
  databases: Readonly<Record<'global' | 'zone', TestDatabase>>,
): Promise<Readonly<Record<'global' | 'zone', string>>> {
  const global = await processes.start('global', ['--init', '--database-url', databases.global.url])
  const zone = await processes.start('zone', [
    '--database-url',
    databases.zone.url,
    '--zone',
    'east',
    '--global-address',
    `grpc://127.0.0.1:${global.ports.kds}`,
    '--dns-port',
    'off',
  ])
  await until('the zone to be in step', () => inStep(zone), { otherwise: () => zone.out })
  await until('global to be in step', () => inStep(global), { otherwise: () => global.out })
  return { global: global.apiUrl, zone: zone.apiUrl }
}
