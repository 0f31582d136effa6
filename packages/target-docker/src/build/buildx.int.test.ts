import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { localHost } from '@appaloft/core/host'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cli, haveEngine, testEngine, withoutEngine } from '../../test/engine.js'
import { buildx } from './buildx.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-buildx-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it.skipIf(!haveEngine)(
  `the secrets of a build are given to no git ${haveEngine ? '' : withoutEngine}`,
  { timeout: 60_000 },
  async () => {
    const engine = await testEngine()
    const [context, programs, asked] = ['context', 'programs', 'asked'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    for (const one of [context, programs]) mkdirSync(one)
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
    writeFileSync(join(programs, 'git'), `#!/bin/sh\nenv >> '${asked}'\nexit 1\n`, { mode: 0o755 })
    const result = await buildx({
      ...{ engine, host: localHost(), cli, context, dockerfile: { path: 'Dockerfile' } },
      env: { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH}` },
      signal: new AbortController().signal,
      ...{ credentials: {}, args: {}, secrets: { TOKEN: 'correct-horse' }, labels: {}, noCache: false, onEvent() {} },
    })
    engine.client.close()
    expect(result).toEqual({ image: expect.stringMatching(/^sha256:/) })
    if ('image' in result) execFileSync(cli, ['image', 'rm', result.image])
    expect(existsSync(asked)).toBe(false)
  },
)
