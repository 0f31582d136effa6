import type { LogLine } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import type { BuildEvent } from './rawjson.js'
import { told } from './told.js'

const lines = (...events: BuildEvent[]): LogLine[] => {
  const all: LogLine[] = []
  const tell = told((line) => all.push(line))
  for (const event of events) tell(event)
  return all
}
const step = 'sha256:a'

it('an instruction tells its begin, how far it is and its end, in words and as data', () => {
  const name = '[install 2/3] RUN npm ci'
  const place = { id: step, name: 'RUN npm ci', stage: 'install', index: 2, total: 3 }
  expect(
    lines(
      { type: 'step-started', step, name },
      { type: 'step-progress', step, name, percent: 40 },
      { type: 'output', step, stream: 'stderr', data: Buffer.from('half a line') },
      { type: 'step-succeeded', step, name, cached: false, milliseconds: 1234 },
    ),
  ).toEqual([
    { stream: 'stdout', text: name, progress: { ...place, status: 'started' } },
    { stream: 'stdout', text: `${name}: 40 %`, progress: { ...place, status: 'running', percent: 40 } },
    { stream: 'stderr', text: 'half a line' },
    {
      stream: 'stdout',
      text: `${name}: done in 1.2 s`,
      progress: { ...place, status: 'succeeded', milliseconds: 1234 },
    },
  ])
})

it('what was not done again says so, and what failed too', () => {
  const name = '[1/2] FROM base'
  const found = lines(
    { type: 'step-succeeded', step, name, cached: true, milliseconds: 0 },
    { type: 'step-failed', step, name, error: 'exit code: 1', milliseconds: 5 },
  )
  expect(found.map(({ text, progress }) => [text, progress?.status, progress?.cached])).toEqual([
    ['[1/2] FROM base: unchanged', 'succeeded', true],
    ['[1/2] FROM base: failed', 'failed', undefined],
  ])
})

it.each([
  ['RUN ["/bin/sh","-c","unset X; exec "$@"","sh","npm","ci"]', 'RUN npm ci'],
  [
    'RUN --mount=type=cache,target=/c ["/bin/sh","-c","exec "$@"","sh","/bin/sh","-c","npm run build && ls"]',
    'RUN npm run build && ls',
  ],
  ['RUN ["/bin/sh","-c","exec "$@"","sh","echo","a "quoted" word"]', 'RUN echo a "quoted" word'],
  ['COPY --from=build /app /app', 'COPY --from=build /app /app'],
])('the command of a Dockerfile of ours is told without what runs it: %s', (written, shown) => {
  const [line] = lines({ type: 'step-started', step, name: `[build 1/1] ${written}` })
  expect(line?.progress?.name).toBe(shown)
})

it('what the builder does for itself is not told, but that it writes the image', () => {
  const found = lines(
    { type: 'step-started', step, name: '[internal] load .dockerignore' },
    { type: 'message', text: 'words' },
    { type: 'step-started', step, name: 'exporting to image' },
  )
  expect(found).toEqual([
    {
      stream: 'stdout',
      text: 'exporting to image',
      progress: { id: step, name: 'exporting to image', status: 'started' },
    },
  ])
})
