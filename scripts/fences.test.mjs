// Proves that the import fences in biome.json bite, and that what the architecture allows passes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** [file, what it imports] */
const refused = [
  ['core/src/spec/a1.ts', '../engine/run.js'],
  ['core/src/spec/a2.ts', '../engine.js'],
  ['core/src/spec/a3.ts', '../index.js'],
  ['core/src/spec/a4.ts', '@appaloft/core'],
  ['core/src/spec/deep/a5.ts', '../../engine/phases/detect.js'],
  ['core/src/engine/b1.ts', '@appaloft/store-sqlite'],
  ['core/src/engine/b2.ts', '@appaloft/testkit'],
  ['core/src/engine/b3.test.ts', '@appaloft/target-process'],
  ['planner-node/src/c1.ts', 'node:fs'],
  ['planner-node/src/c2.ts', 'node:fs/promises'],
  ['planner-node/src/c3.ts', '@appaloft/core'],
  ['planner-node/src/c4.ts', '@appaloft/planner-static'],
  ['planner-static/src/c5.ts', '@appaloft/testkit'],
  // A planner reads its tree and runs nothing.
  ['planner-node/src/c8.ts', '@appaloft/core/host'],
  ['planner-static/src/c6.ts', '../../core/src/engine/run.js'],
  ['planner-static/src/c7.test.ts', '@appaloft/planner-node'],
  ['store-sqlite/src/d1.ts', '@appaloft/core'],
  ['store-sqlite/src/d2.ts', '@appaloft/proxy-embedded'],
  ['proxy-embedded/src/e1.ts', '@appaloft/core'],
  ['proxy-embedded/src/e2.ts', '@appaloft/target-process'],
  ['proxy-caddy/src/e3.ts', '@appaloft/proxy-embedded'],
  ['target-process/src/f1.ts', '@appaloft/proxy-embedded/daemon'],
  ['target-process/src/keeper/f2.ts', '@appaloft/proxy-embedded/daemon'],
  ['target-process/src/f3.test.ts', 'appaloft'],
  // The one exception, beside its lawful import below: only this line of the file is refused.
  ['target-process/src/keeper/main.ts', '@appaloft/proxy-embedded'],
  ['target-docker/src/f4.ts', '@appaloft/target-process'],
  ['target-ssh/src/f5.ts', '@appaloft/target-process'],
  ['target-docker/src/f6.ts', '@appaloft/target-ssh'],
  ['testkit/src/g1.ts', '@appaloft/store-sqlite'],
  ['http/src/h1.ts', '@appaloft/store-sqlite'],
  ['http/src/routes/h2.ts', '@appaloft/testkit'],
  ['http/src/h3.ts', 'appaloft'],
  ['http/src/h4.ts', '../../core/src/engine/run.js'],
  ['http/src/h5.test.ts', '@appaloft/store-sqlite'],
]
const allowed = [
  ['core/src/spec/ok1.ts', './errors.js'],
  ['core/src/engine/ok2.ts', '../spec/index.js'],
  ['core/src/engine/ok3.test.ts', '@appaloft/testkit'],
  ['planner-node/src/ok4.ts', '@appaloft/core/spec'],
  ['planner-node/src/ok5.test.ts', '@appaloft/testkit'],
  ['planner-node/src/ok6.test.ts', 'node:fs'],
  ['store-sqlite/src/ok7.ts', 'node:fs'],
  ['store-sqlite/src/ok8.test.ts', '@appaloft/core'],
  ['target-process/src/keeper/main.ts', '@appaloft/proxy-embedded/daemon'],
  ['proxy-embedded/src/ok9.ts', '@appaloft/core/spec'],
  ['proxy-caddy/src/ok17.ts', '@appaloft/core/spec'],
  ['target-docker/src/ok13.ts', '@appaloft/core/host'],
  ['target-docker/src/ok14.test.ts', '@appaloft/core/host'],
  ['target-ssh/src/ok18.ts', '@appaloft/core/host'],
  ['target-ssh/src/ok19.ts', '@appaloft/target-docker'],
  ['testkit/src/ok10.ts', '@appaloft/core'],
  ['testkit/src/ok11.test.ts', '@appaloft/target-process'],
  ['cli/src/ok12.ts', '@appaloft/target-process'],
  ['http/src/ok13.ts', '@appaloft/core'],
  ['http/src/routes/ok14.ts', '@appaloft/core/spec'],
  ['http/src/ok15.test.ts', '@appaloft/testkit'],
  ['cli/src/ok16.ts', '@appaloft/http'],
]
/** Every way to write an import is fenced, not only the first one. */
const forms = [
  ['planner-node/src/form1.ts', "export type { A } from '@appaloft/core'"],
  ['planner-node/src/form2.ts', "export * from '@appaloft/core'"],
  ['planner-node/src/form3.ts', "import '@appaloft/core'"],
  ['planner-node/src/form4.ts', "export const load = () => import('@appaloft/core')"],
  ['planner-node/src/form5.ts', "import type { A } from '@appaloft/core'\n\nexport type B = A"],
]
const cycle = [
  ['store-sqlite/src/cycle1.ts', "import { b } from './cycle2.js'\n\nexport const a = () => b"],
  ['store-sqlite/src/cycle2.ts', "import { a } from './cycle1.js'\n\nexport const b = () => a"],
]

const folder = mkdtempSync(join(tmpdir(), 'appaloft-fences-'))
try {
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'))
  const write = (file, text) => {
    const path = join(folder, 'packages', file)
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, `${text}\n`)
  }
  for (const [file, from] of [...refused, ...allowed]) write(file, `export { a } from '${from}'`)
  for (const [file, text] of [...forms, ...cycle]) write(file, text)

  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const args = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=json', '--error-on-warnings', '.']
  const run = spawnSync(process.execPath, [biome, ...args], { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })
  assert.ok(run.stdout.includes('"diagnostics"'), `biome said nothing to read: ${run.stdout}${run.stderr}`)
  const { diagnostics } = JSON.parse(run.stdout.slice(run.stdout.indexOf('{')))
  const hits = (rule) =>
    diagnostics
      .filter((d) => d.category === rule)
      .map((d) => String(d.location.path?.file ?? d.location.path).replace(/^(\.\/)?packages\//, ''))
      .sort()

  const files = (list) => list.map(([file]) => file).sort()
  assert.deepEqual(hits('lint/style/noRestrictedImports'), files([...refused, ...forms]))
  assert.deepEqual(hits('lint/suspicious/noImportCycles'), files(cycle))
  const count = refused.length + forms.length + 1
  console.log(`fences: ${count} violations refused, ${allowed.length} lawful imports accepted`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
