import { expect, it } from 'vitest'
import { type BuildEvent, BuildEvents } from './rawjson.js'

const at = (ms: number) => new Date(Date.UTC(2024, 0, 1) + ms).toISOString()

const values = [
  { vertexes: [{ digest: 'sha256:a', name: '[1/2] FROM base', started: at(0) }] },
  // A size is known of few things; what hardly went on is not told.
  {
    statuses: [
      { id: 'layer', vertex: 'sha256:a', current: 25, total: 100 },
      { id: 'layer', vertex: 'sha256:a', current: 30, total: 100 },
      { id: 'context', vertex: 'sha256:a', current: 1000 },
    ],
  },
  {
    vertexes: [{ digest: 'sha256:a', name: '[1/2] FROM base', started: at(0), completed: at(0), cached: true }],
    statuses: [{ id: 'layer', vertex: 'sha256:a', current: 50, total: 100 }],
    logs: [{ vertex: 'sha256:b', stream: 2, data: Buffer.from('}\n{ "x": 1 }\n').toString('base64') }],
  },
  {
    vertexes: [
      { digest: 'sha256:b', name: '[2/2] RUN false', started: at(0), completed: at(7), error: 'exit code: 1' },
      { digest: 'sha256:b', name: '[2/2] RUN false', started: at(0), completed: at(7), error: 'exit code: 1' },
    ],
  },
]
const expected = [
  { type: 'step-started', step: 'sha256:a', name: '[1/2] FROM base' },
  { type: 'step-progress', step: 'sha256:a', name: '[1/2] FROM base', percent: 25 },
  { type: 'step-succeeded', step: 'sha256:a', name: '[1/2] FROM base', cached: true, milliseconds: 0 },
  { type: 'output', step: 'sha256:b', stream: 'stderr', data: Buffer.from('}\n{ "x": 1 }\n') },
  { type: 'step-started', step: 'sha256:b', name: '[2/2] RUN false' },
  { type: 'step-failed', step: 'sha256:b', name: '[2/2] RUN false', error: 'exit code: 1', milliseconds: 7 },
  { type: 'message', text: 'ERROR: failed to solve: exit code: 1' },
]

it.each([
  ['on one line each', undefined],
  ['over many lines', 2],
])('values %s are events, each step told once', (_, indent) => {
  const seen: BuildEvent[] = []
  const events = new BuildEvents((event) => seen.push(event))
  const text = `${values.map((value) => JSON.stringify(value, null, indent)).join('\n')}\nERROR: failed to solve: exit code: 1\n`
  for (const line of text.split('\n')) events.line(line)
  // Outputs are told after the steps of the same value.
  expect(seen).toEqual([...expected])
})

it('what is no such value is a message, and breaks nothing', () => {
  const seen: BuildEvent[] = []
  const events = new BuildEvents((event) => seen.push(event))
  for (const line of ['{"vertexes": 3}', '{broken}', '', JSON.stringify(values[0])]) events.line(line)
  expect(seen.map((event) => event.type)).toEqual(['message', 'message', 'step-started'])
})
