// Detect and plan, beside two packages that look at the same folders; the content manifest apart, beside reading and hashing the same files.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { fakeTarget } from '@appaloft/testkit'
import { median, ms, repeat, row, since, times, title } from './measure.mjs'
import { folders } from './planning-folders.mjs'
import { rivals } from './planning-rivals.mjs'

/** The planners, with the moment at which the first of them is asked: what comes before is the manifest. */
function planners(asked) {
  return [node(), staticSite(), dockerfile(), image(), compose()].map((planner) => ({
    ...planner,
    detect: (context) => {
      asked.at ??= performance.now()
      return planner.detect(context)
    },
  }))
}

function ours(stateDir) {
  const asked = { at: undefined }
  const engine = createAppaloft({
    stateDir,
    store: memoryStore(),
    targets: [fakeTarget()],
    planners: planners(asked),
  })
  return {
    engine,
    async plan(path) {
      asked.at = undefined
      const started = performance.now()
      const preview = await engine.deployments.plan({ resource: { source: { kind: 'local-folder', path } } })
      const ended = performance.now()
      if (preview.readiness.status === 'blocked') throw new Error(preview.unsupportedReasons[0].message)
      return { manifest: asked.at - started, plan: ended - asked.at }
    },
  }
}

/** What a manifest cannot do without: each file read and hashed. */
function readAndHash(folder) {
  const started = performance.now()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      createHash('sha256')
        .update(readFileSync(join(entry.parentPath, entry.name)))
        .digest('hex')
  return since(started)
}

/** A program that plans does so more than once: all are measured when they have been compiled. */
const warmUp = 10

export async function planning({ runs }) {
  const base = mkdtempSync(join(tmpdir(), 'appaloft-planning-'))
  const others = await rivals()
  try {
    for (const [name, make] of Object.entries(folders)) {
      const folder = join(base, name)
      const files = make(folder)
      const stateDir = join(base, `${name}-state`)
      const { engine, plan } = ours(stateDir)
      title(`Planning ${name}, ${files.toLocaleString('en')} files`)
      const cold = await plan(folder)
      // In turn, so that what else the machine does meets all alike.
      const found = await repeat(runs + warmUp, async () => {
        const own = await plan(folder)
        const theirs = {}
        for (const [rival, look] of Object.entries(others)) {
          const started = performance.now()
          await look(folder)
          theirs[rival] = since(started)
        }
        return { own, theirs }
      })
      const warm = found.slice(warmUp)
      const own = median(warm.map((one) => one.own.plan))
      row('detect and plan', ms(own))
      for (const rival of Object.keys(others)) {
        const theirs = median(warm.map((one) => one.theirs[rival]))
        row(rival, `${ms(theirs)}, ${times(theirs / own)} ours`)
      }
      const floor = median(await repeat(5, () => readAndHash(folder)))
      const manifest = median(warm.map((one) => one.own.manifest))
      row('read and hash', ms(floor))
      row('manifest, first', `${ms(cold.manifest)}, ${times(cold.manifest / floor)} read and hash`)
      row('manifest, again', `${ms(manifest)}, ${times(manifest / floor)} read and hash`)
      await engine.close()
    }
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}
