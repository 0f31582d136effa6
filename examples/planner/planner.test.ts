import { isBlocked, type PlannerContext, type Profiles, type SourceTree } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { deno } from './index.js'

const nothing: Profiles = {
  runtime: {},
  network: {},
  health: undefined,
  access: {},
  environment: {},
  volumes: [],
  binds: [],
}

function context(files: Record<string, string>, profiles: Partial<Profiles>): PlannerContext {
  const tree: SourceTree = {
    has: async (path) => Object.hasOwn(files, path),
    readText: async (path) => files[path] ?? null,
    list: async () => Object.keys(files).map((name) => ({ name, type: 'file' as const })),
    glob: async () => Object.keys(files),
  }
  return {
    tree,
    root: tree,
    baseDirectory: '.',
    source: { kind: 'local-folder', path: 'app' },
    profiles: { ...nothing, ...profiles },
    target: null,
    signal: new AbortController().signal,
  }
}

async function plan(files: Record<string, string>, profiles: Partial<Profiles> = {}) {
  const given = context(files, profiles)
  const claim = await deno().detect(given)
  return claim && deno().plan(given, claim)
}
const serving = "Deno.serve({ port: Number(Deno.env.get('PORT')) }, () => new Response('hello'))"

it('leaves what is not its own', async () => {
  expect(await plan({ 'main.ts': serving })).toBeNull()
})

it('starts main.ts on the port that the source takes from PORT', async () => {
  expect(await plan({ 'deno.json': '{}', 'main.ts': serving })).toMatchObject({
    artifact: { kind: 'workspace' },
    commands: { start: { command: expect.arrayContaining(['deno', 'main.ts']), from: 'planner' } },
    network: { internalPort: 8000, from: 'planner', honoursPort: true },
  })
})

it('takes what the profile says before what it found', async () => {
  const profiles = { runtime: { startCommand: 'deno task start' }, network: { internalPort: 4000 } }
  expect(await plan({ 'deno.json': '{}' }, profiles)).toMatchObject({
    commands: { start: { command: 'deno task start', from: 'profile' } },
    network: { internalPort: 4000, from: 'profile', honoursPort: false },
  })
})

it.each([
  ['missing-start-intent', { 'deno.json': '{}' }],
  ['missing-internal-port', { 'deno.json': '{}', 'main.ts': 'Deno.serve(() => new Response())' }],
])('blocks with %s rather than guess', async (code, files) => {
  const result = await plan(files)
  expect(result && isBlocked(result) && result.blocked[0].code).toBe(code)
})
