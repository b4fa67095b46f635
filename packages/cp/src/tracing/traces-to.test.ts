import { expect, test } from 'vitest'
import { tracesTo } from './traces-to.js'

const collector = 'http://collector:4318'

test('nothing is traced unless somebody says where to', () => {
  expect(tracesTo(undefined, {})).toEqual({ warnings: [] })
  expect(tracesTo(undefined, { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SERVICE_NAME: 'x' })).toEqual({ warnings: [] })
})

test('one endpoint for everything has the path of traces added, one for traces is taken as it is', () => {
  expect(tracesTo(collector, {}).target?.url).toBe(`${collector}/v1/traces`)
  expect(tracesTo(`${collector}/`, {}).target?.url).toBe(`${collector}/v1/traces`)
  expect(tracesTo(collector, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t:1/x?key=secret' })).toEqual({
    target: { url: undefined, shown: 'https://t:1' },
    warnings: [],
  })
})

test.each([{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }, { OTEL_TRACES_EXPORTER: 'None ' }])(
  '%j turns it off again',
  (env) => {
    expect(tracesTo(collector, env)).toEqual({ warnings: [] })
  },
)

test('what is asked for and not done is said', () => {
  expect(tracesTo(collector, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toMatchObject({
    target: { url: `${collector}/v1/traces` },
    warnings: [expect.stringContaining('http/json')],
  })
  expect(tracesTo(collector, { OTEL_TRACES_EXPORTER: 'zipkin' })).toEqual({
    warnings: [expect.stringContaining('nothing is traced')],
  })
  expect(tracesTo(undefined, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:x' }).target).toBeUndefined()
})
