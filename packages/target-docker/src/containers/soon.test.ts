import { expect, it } from 'vitest'
import type { Engine } from '../api/engine.js'
import { Names } from '../names.js'
import { SeenSoon } from './soon.js'

it('who gives up does not wait for a look that is under way', async () => {
  const never = () => new Promise<never>(() => undefined)
  const engine = { containers: never, volumes: never, networks: never } as unknown as Engine
  const soon = new SeenSoon()
  void soon.list(engine, new Names('main'), 'res_web', { soon: true })
  const aborting = new AbortController()
  const ref = { resourceId: 'res_web', deploymentId: 'dep_1', releaseId: 'rel_1' }
  const waits = soon.of(ref, 1, { signal: aborting.signal })
  aborting.abort(new Error('enough'))
  await expect(waits).rejects.toThrow('enough')
}, 4_000)
