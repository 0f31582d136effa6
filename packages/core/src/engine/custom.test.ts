// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how shells write variables
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAppaloft, memoryStore } from '../index.js'
import type { Planner, ResourceDefinition } from '../spec/index.js'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'custom-'))
  await writeFile(join(folder, 'app.py'), 'print()')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function plan(profiles: Omit<ResourceDefinition, 'source'>, planners: Planner[] = []) {
  const engine = createAppaloft({
    store: memoryStore(),
    targets: [fakeTarget()],
    planners,
    stateDir: join(folder, '..', 'none'),
  })
  const resource: ResourceDefinition = { source: { kind: 'local-folder', path: folder }, ...profiles }
  const preview = await engine.deployments.plan({ resource })
  await engine.close()
  return preview
}
const codesOf = (preview: Awaited<ReturnType<typeof plan>>) => preview.unsupportedReasons.map(({ code }) => code)

describe('a source that no planner recognises', () => {
  it('is planned by the commands of the profile alone', async () => {
    const runtime = { installCommand: ['pip', 'install', '.'], startCommand: 'python app.py --port ${PORT:-8000}' }
    const preview = await plan({ runtime })
    expect(preview).toMatchObject({
      readiness: { status: 'ready' },
      planner: { key: 'custom', supportTier: 'explicit-custom' },
      candidates: [{ planner: 'custom', basis: 'explicit' }],
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
      commands: {
        install: { command: ['pip', 'install', '.'], from: 'profile' },
        start: { command: runtime.startCommand, from: 'profile' },
      },
      network: { internalPort: 8000, from: 'planner', honoursPort: true },
    })
  })

  it.each([
    ['serve -p $PORT', 3000],
    ['serve -p "${PORT}"', 3000],
    ['serve -p $PORTAL', null],
    [['serve', '-p', '$PORT'], null],
    ['serve', null],
  ])('%j listens on %s', async (startCommand, port) => {
    const preview = await plan({ runtime: { startCommand } })
    if (port !== null) expect(preview.network?.internalPort).toBe(port)
    else expect(codesOf(preview)).toEqual(['missing-internal-port'])
    expect((await plan({ runtime: { startCommand }, network: { internalPort: 9 } })).network?.internalPort).toBe(9)
    expect(codesOf(await plan({ runtime: { startCommand }, network: { exposure: 'none' } }))).toEqual([])
  })

  it('is blocked without a start command, and by fields that contradict it', async () => {
    expect(codesOf(await plan({}))).toEqual(['unsupported-runtime-family'])
    expect(codesOf(await plan({ runtime: { startCommand: 'a $PORT', planner: 'other' } }))).toContain(
      'unsupported-runtime-family',
    )
    const preview = await plan({ runtime: { startCommand: 'a $PORT', dockerfilePath: 'Dockerfile' } })
    expect(codesOf(preview)).toEqual(['incompatible-source-strategy'])
  })

  it('stays behind every planner that claims the source', async () => {
    const weak: Planner = {
      specVersion: 1,
      key: 'weak',
      detect: async () => ({
        ...{ basis: 'generic', supportTier: 'requires-override', reason: 'x', evidence: [] },
        artifactKind: 'workspace',
      }),
      plan: async () => ({
        artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
        commands: {},
        network: { internalPort: 1, from: 'planner', honoursPort: true },
        evidence: [],
        warnings: [],
      }),
    }
    const preview = await plan({ runtime: { startCommand: 'a' } }, [weak])
    expect(preview.candidates.map(({ planner }) => planner)).toEqual(['weak'])
  })
})
