import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Scene } from '../../../test/engine.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await scene.close()
})

it('a retry whose source is to be fetched once more waits no longer than sourceSeconds', async () => {
  const archive = execFileSync('tar', ['-czf', '-', '-C', scene.folder, 'app.txt'])
  let hangs = false
  vi.stubGlobal('fetch', (_: URL, { signal }: { signal: AbortSignal }) => {
    if (!hangs) return Promise.resolve(new Response(archive))
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const engine = scene.engine()
  const failed = await scene.deployed(engine, 'serve', {
    source: { kind: 'archive', url: 'https://example.com/app.tar.gz' },
    runtime: { startCommand: 'serve status=500', timeouts: { sourceSeconds: 2 } },
  })
  expect(failed).toMatchObject({ status: 'failed', failure: { code: 'health-status-unexpected' } })
  await rm(join(`${scene.folder}-state`, 'sources'), { recursive: true })
  hangs = true
  const again = await (await engine.deployments.retry(failed.id)).done
  expect(again).toMatchObject({
    status: 'failed',
    failure: { code: 'timeout', phase: 'execute', step: 'source' },
  })
  expect(again.failure?.inputs).toEqual([{ profileField: 'runtime.timeouts.sourceSeconds', value: 2, from: 'profile' }])
})
