import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { isBlocked, type PlanDraft, type PlannedCommand } from '@appaloft/core/spec'
import { planFixture } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { node } from '../index.js'

const run = promisify(execFile)
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-workspace-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A package whose build fails where what it needs is not built yet, and writes what it is. */
const made = (name: string, needs: string[], more: object = {}) => {
  const checks = needs.map((one) => `require('${one}')`).join(';')
  const write = `require('node:fs').mkdirSync('dist',{recursive:true});require('node:fs').writeFileSync('dist/index.js','module.exports=1')`
  return {
    ...{ name, version: '1.0.0', main: 'dist/index.js', scripts: { build: `node -e "${checks};${write}"` } },
    dependencies: Object.fromEntries(needs.map((one) => [one, '^1.0.0'])),
    ...more,
  }
}

async function planned(files: Record<string, string>, baseDirectory: string): Promise<PlanDraft> {
  const { outcome } = await planFixture(node(), { name: 'workspace', files, baseDirectory })
  if (outcome.claim === null || isBlocked(outcome.result)) throw new Error(JSON.stringify(outcome))
  return outcome.result
}

function argvOf(planned: PlannedCommand | undefined): [string, ...string[]] {
  if (planned === undefined || typeof planned.command === 'string') throw new Error('no argv')
  return planned.command as [string, ...string[]]
}

it('npm: a package of a workspace is installed at the root, and what it needs is built before it', async () => {
  const files: Record<string, string> = {
    'package.json': JSON.stringify({ name: 'acme', private: true, workspaces: ['apps/*', 'packages/*'] }),
    'apps/web/package.json': JSON.stringify(made('@acme/web', ['@acme/a-kit', '@acme/z-core'])),
    'apps/web/server.js': 'require("http").createServer().listen(process.env.PORT ?? 3000)',
    // By name and by folder before what it needs: only the order of the needs is right.
    'packages/a-kit/package.json': JSON.stringify(made('@acme/a-kit', ['@acme/z-core'])),
    'packages/z-core/package.json': JSON.stringify(made('@acme/z-core', [])),
    'packages/broken/package.json': JSON.stringify({ name: '@acme/broken', scripts: { build: 'exit 1' } }),
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  await run('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], { cwd: folder })
  files['package-lock.json'] = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  const { artifact, commands } = await planned(files, 'apps/web')
  expect(artifact).toEqual({ kind: 'workspace', installDirectory: '.', workingDirectory: 'apps/web' })
  const [install, ...installArguments] = argvOf(commands.install)
  await run(install, [...installArguments, '--offline'], { cwd: folder })
  const [build, ...buildArguments] = argvOf(commands.build)
  await run(build, buildArguments, { cwd: join(folder, 'apps/web') })
  for (const built of ['apps/web', 'packages/a-kit', 'packages/z-core'])
    expect(readdirSync(join(folder, built))).toContain('dist')
}, 60_000)
