import { expect, it } from 'vitest'
import { type BuildEvent, BuildEvents } from './rawjson.js'

const values = [
  { vertexes: [{ digest: 'sha256:a', name: '[1/2] FROM base', started: '2024-01-01T00:00:00Z' }] },
  {
    vertexes: [{ digest: 'sha256:a', name: '[1/2] FROM base', started: 'x', completed: 'y', cached: true }],
    logs: [{ vertex: 'sha256:b', stream: 2, data: Buffer.from('}\n{ "x": 1 }\n').toString('base64') }],
  },
  {
    vertexes: [
      { digest: 'sha256:b', name: '[2/2] RUN false', started: 'x', completed: 'y', error: 'exit code: 1' },
      { digest: 'sha256:b', name: '[2/2] RUN false', started: 'x', completed: 'y', error: 'exit code: 1' },
    ],
  },
]
const expected = [
  { type: 'step-started', step: 'sha256:a', name: '[1/2] FROM base' },
  { type: 'step-succeeded', step: 'sha256:a', name: '[1/2] FROM base', cached: true },
  { type: 'output', step: 'sha256:b', stream: 'stderr', data: Buffer.from('}\n{ "x": 1 }\n') },
  { type: 'step-started', step: 'sha256:b', name: '[2/2] RUN false' },
  { type: 'step-failed', step: 'sha256:b', name: '[2/2] RUN false', error: 'exit code: 1' },
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
