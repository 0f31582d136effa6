import { isBlocked, type PlannerContext, type Profiles, type SourceTree } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { python } from './index.js'

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
  const claim = await python().detect(given)
  return claim && python().plan(given, claim)
}
const procfile = 'release: ./migrate\nweb: gunicorn app:app --bind 0.0.0.0:$PORT\n'

it('leaves what is not its own', async () => {
  expect(await plan({ Procfile: procfile })).toBeNull()
})

it('starts the web process on the port that its command takes from PORT', async () => {
  expect(await plan({ 'requirements.txt': 'gunicorn', Procfile: procfile })).toMatchObject({
    artifact: { kind: 'workspace' },
    commands: {
      install: { command: expect.arrayContaining(['requirements.txt']), from: 'planner' },
      start: { command: expect.stringMatching(/ gunicorn app:app --bind 0\.0\.0\.0:\$PORT$/), from: 'planner' },
    },
    network: { internalPort: 8000, from: 'planner', honoursPort: true },
  })
})

it('takes what the profile says before what it found', async () => {
  const profiles = { runtime: { startCommand: 'python app.py' }, network: { internalPort: 4000 } }
  expect(await plan({ 'requirements.txt': '', Procfile: procfile }, profiles)).toMatchObject({
    commands: { start: { command: 'python app.py', from: 'profile' } },
    network: { internalPort: 4000, from: 'profile', honoursPort: false },
  })
})

it.each([
  ['missing-start-intent', { 'requirements.txt': '' }],
  ['missing-internal-port', { 'requirements.txt': '', Procfile: 'web: python app.py' }],
])('blocks with %s rather than guess', async (code, files) => {
  const result = await plan(files)
  expect(result && isBlocked(result) && result.blocked[0].code).toBe(code)
})
