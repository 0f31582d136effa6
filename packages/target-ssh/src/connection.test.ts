import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { connect } from './connection.js'
import { readOptions } from './options.js'

/** In place of ssh. */
function connecting(script: string, { silenceSeconds = 20, signal = new AbortController().signal } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-connection-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'ssh')
  writeFileSync(program, `#!/bin/sh\n${script}\n`)
  chmodSync(program, 0o755)
  const settings = readOptions({ destination: 'web', ssh: program, connectTimeoutSeconds: 600 })
  return connect({
    ...{ key: 'web', settings, socket: join(folder, 'c'), pinned: null },
    ...{ silenceSeconds, signal, listening: () => undefined },
  })
}

it('an abort is heeded from the very beginning', async () => {
  const aborting = new AbortController()
  const connection = connecting('exec sleep 600', aborting)
  aborting.abort(new Error('enough'))
  await expect(connection).rejects.toThrow('enough')
}, 20_000)

it('a guard that says nothing any more is taken for gone, and what it was to stop for lost', async () => {
  const guard = `read -r m; m=\${m##*'"$l" = '}; m=\${m%% ]*}; echo "$m ready /none"; exec 3>&1; exec cat >/dev/null`
  const connection = await connecting(guard, { silenceSeconds: 1 })
  expect(connection.folder).toBe('/none')
  expect(await connection.stop('one')).toBe('lost')
  expect(connection.lost.reason).toMatchObject({ details: { reason: 'connection-lost' } })
}, 20_000)

it('is asked for the same twice, and answers both', async () => {
  const guard = `read -r m; m=\${m##*'"$l" = '}; m=\${m%% ]*}; echo "$m ready /none"
    while read -r verb name; do [ "$verb" != stop ] || { echo "$m never $name"; echo "$m never $name"; }; done`
  const connection = await connecting(guard, { silenceSeconds: 3 })
  expect(await Promise.all([connection.stop('one'), connection.stop('one')])).toEqual(['never', 'never'])
  await new Promise((resolve) => setTimeout(resolve, 3_200))
  expect(connection.lost.aborted).toBe(false)
  await connection.close()
}, 20_000)
