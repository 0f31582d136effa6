import { execFileSync } from 'node:child_process'
import { readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { compose, place, quickServer, urlOf } from '../test/live.js'

let clean: (() => Promise<void>) | undefined
afterEach(() => clean?.())

function setUp() {
  const made = place(quickServer)
  const { appaloft } = compose(made.stateDir)
  clean = async () => {
    await appaloft.close()
    await made.end()
  }
  const both = async (path: string, baseDirectory?: string) => {
    const source = { kind: 'local-folder' as const, path, ...(baseDirectory === undefined ? {} : { baseDirectory }) }
    const resource = { id: 'res_hostile', source }
    const preview = await appaloft.deployments.plan({ resource }).then(
      (plan) => plan.unsupportedReasons.map((reason) => reason.code as string),
      (error) => [String(error.code)],
    )
    const created = await appaloft.deployments.create({ resource }).then(
      async (handle) => (await handle.done).failure,
      (error) => error,
    )
    return { preview, created: created?.reason?.code ?? created?.code }
  }
  /** Everything below the temporary folder but the state folder. */
  const outside = () =>
    readdirSync(made.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name !== 'state' && !name.startsWith('state/'))
      .sort()
  return { ...made, appaloft, both, outside }
}

it.each([
  [
    'a symbolic link out of the tree',
    (path: string): void => symlinkSync('/etc/passwd', join(path, 'secret')),
    undefined,
  ],
  ['a base directory outside', (): void => undefined, '../..'],
  [
    'a package.json that is not JSON',
    (path: string): void => writeFileSync(join(path, 'package.json'), '{ "name": '),
    undefined,
  ],
  ['a FIFO', (path: string): void => void execFileSync('mkfifo', [join(path, 'pipe')]), undefined],
] as const)('%s is refused with a code, and nothing is written outside', async (_, prepare, baseDirectory) => {
  const { path, both, outside } = setUp()
  prepare(path)
  const before = outside()
  const answer = await both(path, baseDirectory)
  const code = baseDirectory === undefined ? 'source-unreadable' : 'base-directory-escapes-source'
  expect(answer).toEqual({ preview: [code], created: code })
  expect(outside()).toEqual(before)
})

it('a folder whose name a shell would run is deployed, and the name is not run', async () => {
  const { folder, path, appaloft, outside } = setUp()
  const odd = join(folder, 'a b;touch pwned $(touch pwned) `touch pwned` \'"&')
  renameSync(path, odd)
  const before = outside()
  const resource = { id: 'res_odd', source: { kind: 'local-folder' as const, path: odd } }
  const done = await (await appaloft.deployments.create({ resource })).done
  expect((await fetch(urlOf(done))).status).toBe(200)
  expect(outside()).toEqual(before)
  expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('pwned'))).toEqual([])
})
