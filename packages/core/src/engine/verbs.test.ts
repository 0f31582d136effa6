import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { samplePlan } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import { AppaloftError, type DeploymentPatch, isTerminal, type Status, statusSchema } from '../spec/index.js'
import { processIdentity } from './liveness.js'
import { refusal, type Verb } from './verbs.js'

type Row = {
  name: string
  status: Status
  promotion: 'none' | 'recorded'
  planned: boolean
  cells: Record<Verb, string | null>
}

const text = readFileSync(join(import.meta.dirname, '../../../../docs/verbs.md'), 'utf8')
const columns: Verb[] = ['retry', 'cancel', 'rollback', 'redeploy']
const rows: Row[] = text
  .split('\n')
  .filter((line) => /^\| `/.test(line))
  .map((line) => {
    const [name = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const codes = cells.map((cell) => (cell === 'allowed' ? null : (/`([a-z-]+)`/.exec(cell)?.[1] ?? 'unreadable')))
    return {
      name,
      status: statusSchema.parse(/`([a-z-]+)`/.exec(name)?.[1]),
      promotion: name.includes(', promoted') ? 'recorded' : 'none',
      planned: !name.includes('never planned'),
      cells: Object.fromEntries(columns.map((verb, i) => [verb, codes[i] ?? null])) as Row['cells'],
    }
  })

/** The statuses that lead there. */
const path: Record<Status, Status[]> = {
  queued: [],
  detecting: ['detecting'],
  planning: ['detecting', 'planning'],
  executing: ['detecting', 'planning', 'executing'],
  verifying: ['detecting', 'planning', 'executing', 'verifying'],
  'rolling-back': ['detecting', 'planning', 'executing', 'rolling-back'],
  canceling: ['canceling'],
  succeeded: ['detecting', 'planning', 'executing', 'verifying', 'succeeded'],
  failed: ['failed'],
  canceled: ['canceled'],
  interrupted: ['interrupted'],
  superseded: ['superseded'],
}

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

describe('the table of verbs', () => {
  it('has every status', () => {
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set(statusSchema.options))
  })

  it.each(rows)('$name: what the engine does', async ({ status, promotion, planned, cells }) => {
    const plan = samplePlan({ resourceId: 'res_shop', target: 'fake' })
    for (const verb of columns)
      expect(refusal(verb, { status, promotion, plan: planned ? plan : null }), verb).toBe(cells[verb])

    for (const verb of columns) {
      const engine = scene.engine({ concurrency: 'reject' })
      if (verb === 'rollback') {
        await scene.deployed(engine)
        await scene.deployed(engine, 'serve text=two')
      } else await engine.resources.define(scene.definition())
      const id = await attemptAs(status, { promotion, ...(planned ? { plan } : {}) })
      const started = start(engine, verb, id)
      const code = await started.then(
        () => null,
        (error) => (AppaloftError.isInstance(error) ? error.code : String(error)),
      )
      expect(code, verb).toBe(cells[verb])
      await started.then((handle) => handle?.done).catch(() => undefined)
      await scene.close()
      scene = await Scene.make()
    }
  })
})

function start(engine: ReturnType<Scene['engine']>, verb: Verb, id: string) {
  const { deployments, resources } = engine
  switch (verb) {
    case 'retry':
      return deployments.retry(id)
    case 'rollback':
      return deployments.rollback(id)
    case 'redeploy':
      return resources.redeploy('res_shop')
    case 'cancel':
      return deployments.cancel(id).then(() => undefined)
  }
}

/** An attempt of a living process that is not this engine, brought into a status. */
async function attemptAs(status: Status, rest: DeploymentPatch): Promise<string> {
  const { store } = scene
  const id = 'dep_00000000000000000000000001'
  const holder = { engineId: 'eng_other', deploymentId: id, ...processIdentity() }
  const definition = { ...scene.definition(), id: 'res_shop', environment: {} }
  const { lease } = await store.createDeployment({
    record: {
      id,
      resourceId: 'res_shop',
      target: 'fake',
      trigger: 'create',
      status: 'queued',
      currentPhase: null,
      request: {},
      definition,
      sourceIdentity: null,
      plan: null,
      planFingerprint: null,
      releaseId: null,
      previous: null,
      token: null,
      journal: null,
      promotion: 'none',
      drain: 'none',
      checks: {},
      warnings: [],
      accessUrls: [],
      createdAt: new Date(0).toISOString(),
    },
    holder,
    events: [],
  })
  const guards = lease === null ? [] : [{ key: lease.key, token: lease.token }]
  const steps = path[status]
  for (const one of steps.slice(0, -1)) await store.commit({ deploymentId: id, guards, set: { status: one } })
  const last = steps.at(-1)
  const releaseLeases = last !== undefined && isTerminal(last) ? guards : []
  await store.commit({ deploymentId: id, guards, set: { ...rest, ...(last ? { status: last } : {}) }, releaseLeases })
  return id
}
