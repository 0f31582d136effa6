import type { Plan } from '@appaloft/core/spec'
import { fakeProxy, samplePlan } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { process as target } from './index.js'

const workspace = { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const
const described = (overrides: Partial<Plan>, proxy: ReturnType<typeof fakeProxy> | null = fakeProxy()) =>
  target({ proxy }).describe(samplePlan(overrides))
const network = (overrides: Partial<Plan['network']>) => ({ network: { ...samplePlan().network, ...overrides } })
const codes = (reasons: { code: string }[]) => reasons.map((one) => one.code)

it('names the steps of what the plan has', () => {
  const command = (text: string) => ({ command: text, from: 'planner' as const })
  const full = described({
    artifact: workspace,
    commands: {
      install: command('npm ci'),
      build: command('b'),
      package: command('p'),
      release: command('r'),
      start: command('s'),
    },
  })
  expect(full.steps.map((step) => step.id)).toEqual([
    'build.copy',
    'build.install',
    'build.build',
    'build.package',
    'release-command',
    'start',
    'route',
  ])
  expect(full.steps.filter((step) => !step.reversible).map((step) => step.id)).toEqual(['release-command'])
  expect(described({}).steps.map((step) => step.id)).toEqual(['build.copy', 'build.publish', 'start', 'route'])
  expect(described({ artifact: workspace, ...network({ exposure: 'none' }) }).steps.map((step) => step.id)).toEqual([
    'build.copy',
    'start',
  ])
})

it.each<[string, Partial<Plan>, string[]]>([
  ['a plain plan', { artifact: workspace }, []],
  ['a fixed port', { artifact: workspace, ...network({ honoursPort: false }) }, ['no-overlap']],
  ['overlap that is not wanted', { artifact: workspace, overlap: false }, ['no-overlap']],
  ['a direct port', { artifact: workspace, ...network({ exposure: 'direct-port', hostPort: 80 }) }, ['no-overlap']],
  ['a site on a fixed name', network({ honoursPort: false }), []],
  [
    'a volume that two releases write',
    { artifact: workspace, volumes: [{ name: 'data', path: 'data' }] },
    ['shared-volume-overlap'],
  ],
  ['another Node', { artifact: workspace, runtime: { family: 'node', version: '<10' } }, ['runtime-version-mismatch']],
  ['another language', { artifact: workspace, runtime: { family: 'python', version: '<3' } }, []],
])('warns of %s with %s', (_what, overrides, expected) => {
  expect(codes(described(overrides).warnings)).toEqual(expected)
})

it.each<[string, Partial<Plan>, string]>([
  ['an image', { artifact: { kind: 'image', image: 'nginx' } }, ''],
  ['limits', { artifact: workspace, resources: { memoryMiB: 64 } }, 'runtime.resources'],
  ['binds', { artifact: workspace, binds: [{ source: '/srv', path: '/srv' }] }, 'binds'],
  ['a volume at an absolute path', { artifact: workspace, volumes: [{ name: 'data', path: '/data' }] }, 'volumes'],
  ['a volume outside', { artifact: workspace, volumes: [{ name: 'data', path: '../data' }] }, 'volumes'],
  [
    'replicas on one port',
    { artifact: workspace, replicas: 2, ...network({ honoursPort: false }) },
    'runtime.replicas',
  ],
])('refuses %s', (_what, overrides, field) => {
  const { unsupportedReasons } = described(overrides)
  expect(codes(unsupportedReasons)).toEqual(['unsupported-runtime-target'])
  expect(unsupportedReasons[0]?.affectedProfileField ?? '').toBe(field)
})

it('offers no routes without a proxy', () => {
  expect(target({}).capabilities.exposures).toEqual(['direct-port', 'none'])
  expect(codes(described({ artifact: workspace }, null).unsupportedReasons)).toEqual(['unsupported-runtime-target'])
})
