import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Appaloft, createAppaloft, memoryStore, type Preview } from '@appaloft/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configurations, endings, everything, trap, trapped } from '../../test/hostile/canaries.js'
import { containers, fivePlanners } from '../../test/reasons/scene.js'

// No code of a source runs while it is planned: every file that anybody would evaluate writes a canary when it is.

const base = mkdtempSync(join(tmpdir(), 'appaloft-canaries-'))
const canary = join(base, 'canary')
let engine: Appaloft
beforeAll(() => {
  const targets = [containers()]
  engine = createAppaloft({ store: memoryStore(), targets, planners: fivePlanners(), stateDir: join(base, 'state') })
})
afterAll(async () => {
  await engine.close()
  rmSync(base, { recursive: true, force: true })
})

function write(files: Record<string, string>): string {
  const folder = mkdtempSync(join(base, 'source-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text, { mode: 0o755 })
  }
  return folder
}

async function planned(files: Record<string, string>, baseDirectory?: string): Promise<Preview> {
  const path = write(files)
  const source = { kind: 'local-folder' as const, path, ...(baseDirectory === undefined ? {} : { baseDirectory }) }
  let preview: Preview | undefined
  // Without a target's filter too: then other planners win.
  for (const target of [undefined, null]) {
    preview = await engine.deployments.plan({ resource: { source }, ...(target === null ? { target } : {}) })
    expect(existsSync(canary), `evaluated: ${Object.keys(files).join(', ')}`).toBe(false)
  }
  return preview!
}

describe('the canaries', () => {
  it.each([
    ['.mjs', true],
    ['.cjs', false],
  ])('sing when a %s file is evaluated', (ending, module) => {
    const sung = join(base, `sung${ending}`)
    const folder = write({ [`trap${ending}`]: trap(sung, module) })
    const { status, stderr } = spawnSync(process.execPath, [join(folder, `trap${ending}`)], { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(existsSync(sung)).toBe(true)
  })
})

describe('planning evaluates nothing', () => {
  it.each(endings)('of configurations that end in %s', async (ending) => {
    let recognised = 0
    for (const [name, dependency] of configurations) {
      const preview = await planned(trapped(name, dependency, ending, canary))
      if (preview.framework !== undefined) recognised++
    }
    // The files lie where they are looked for: most of the frameworks are seen.
    expect(recognised).toBeGreaterThan(configurations.length / 3)
  })

  it('of hooks, plugins, tools and containers', async () => {
    const files = everything(canary)
    await planned(files)
    await planned(files, 'packages/a')
    for (const name of Object.keys(files)) {
      const { [name]: _left, ...others } = files
      await planned(others)
    }
  })
})
