import type { Edits } from './mutants.js'

/** Deliberate faults of the engine. Each must be found by the simulation; a rare one takes hundreds of seeds, and is left to the long tests. */
export const faults: Record<string, { edits: Edits; rare?: boolean }> = {
  'the old release is stopped before the promotion is durable': {
    edits: {
      'engine/phases/promote.ts': [
        [
          '  await recordPromotion(attempt, release)\n  return { table, early }\n',
          `  for (const one of await target.list(attempt.record.resourceId))
    if (one.deploymentId !== attempt.id) await target.stop(one, attempt.token)
  await recordPromotion(attempt, release)
  return { table, early }
`,
        ],
      ],
    },
  },
  'the old release is drained before access has passed': {
    edits: {
      'engine/run.ts': [
        ['  await checkAccess(attempt, release, known, answered)\n', ''],
        [
          '  // None needs the others, and all are over',
          '  await checkAccess(attempt, release, known, answered)\n  // None needs the others, and all are over',
        ],
      ],
    },
  },
  'fencing is skipped': {
    edits: {
      'engine/fences.ts': [
        [
          "  if (present.target > token || present.proxy > token) throw new AppaloftError('fenced')\n",
          '  if (token > 0) return\n',
        ],
      ],
    },
  },
  'the health check is taken from the old release': {
    edits: {
      'engine/phases/health.ts': [
        ['target.reach(ref, port,', 'target.reach({ ...ref, ...attempt.record.previous }, port,'],
      ],
      'engine/phases/ahead.ts': [
        ['target.reach(ref, port,', 'target.reach({ ...ref, ...attempt.record.previous }, port,'],
      ],
    },
  },
  'a process is not looked at after it has answered': {
    edits: {
      'engine/phases/health.ts': [
        [
          '      const { upstream } = await see(routed)\n      if (',
          "      const upstream: readonly Address[] = []\n      state = { state: 'running', instances: [] }\n      if (",
        ],
      ],
    },
  },
  'the route check is skipped': {
    edits: {
      'engine/phases/verify.ts': [
        [
          "      checkRoutes(attempt, release, { name: 'route', patienceMs: 10_000, endpoint, asked }),\n",
          '      Promise.resolve(asked.length),\n',
        ],
        ['    asked = askRoutes(attempt, release, endpoint)\n', ''],
      ],
    },
  },
  'the status is set before the observation': {
    edits: {
      'engine/phases/verify.ts': [
        [
          "      await checkRoutes(attempt, release, { name: 'access', patienceMs: 60_000, endpoint, known, early })\n",
          "      record(attempt, 'access', { status: 'passed', attempts: 1, evidence: [] })\n",
        ],
      ],
    },
  },
  'the sequence is given by the emitter': {
    edits: {
      'engine/journal.ts': [
        [
          '    this.runtime.bus.emit(written.events)\n',
          '    this.runtime.bus.emit(written.events.map((one) => ({ ...one, sequence: ++this.told })))\n',
        ],
        [
          '  private turn: Promise<unknown> = Promise.resolve()\n',
          '  private turn: Promise<unknown> = Promise.resolve()\n  private told = 1\n',
        ],
      ],
    },
  },
  'leases are never renewed': {
    edits: {
      'engine/heartbeat.ts': [['await store.beatLeases(leases())', '[] as string[]']],
    },
  },
  'the result of a rollback is not read back': {
    edits: {
      'engine/phases/rollback.ts': [
        [
          "  await attempt.step('rollback', 'prove-previous', {}, () => prove(attempt, former.ref, former.release))\n",
          '',
        ],
        ['      await serves(attempt, previous)\n', ''],
      ],
    },
  },
  'the candidate is not removed': {
    edits: {
      'engine/phases/rollback.ts': [
        ['target.remove(attempt.ref, attempt.token), untell', 'untell'],
        [
          '    if (one.deploymentId === attempt.id)\n',
          '    if (one.deploymentId === attempt.id) continue\n    if (false as boolean)\n',
        ],
      ],
    },
  },
  'steps and phases of a superseded attempt are left open': {
    edits: {
      'engine/ending.ts': [["      ...openEnds(loser, at, 'superseded'),\n", '']],
    },
  },
  'a cancel is accepted after the promotion': {
    edits: {
      'engine/verbs.ts': [["return promotion === 'none' ? null : 'already-promoted'", 'return null']],
    },
  },
  'a drain does not wait for requests': {
    edits: {
      'engine/in-flight.ts': [['if (open === 0 || clock.monotonic() >= end) break', 'if (open >= 0) break']],
    },
  },
  'recovery goes on with what it read before it had the leases': {
    edits: {
      'engine/recover.ts': [['    attempt.record = present\n', '']],
    },
    rare: true,
  },
  'a commit of which nobody knows is sent again': {
    edits: {
      'engine/journal.ts': [['const landed = await this.landed(this.doubt)', 'const landed = null as Written | null']],
    },
  },
  'an older attempt takes the place of a newer one': {
    edits: {
      'engine/acquire.ts': [
        ['    if (other.order > record.order) throw supersededBy(other.id)\n', ''],
        [
          '    if (newest !== null && !newest.adopted && newest.order > record.order) throw supersededBy(newest.id)\n',
          '',
        ],
      ],
    },
  },
  'a lease is taken over after 5 s': {
    edits: {
      'engine/fences.ts': [['clock.monotonic() - since >= leaseExpiryMs', 'clock.monotonic() - since >= 5000']],
    },
  },
  'a lease is taken over although its counter moved': {
    edits: {
      'engine/recover.ts': [['    ...(own ? { expectBeats: own.beats } : {}),\n', '']],
    },
    rare: true,
  },
  'a living holder is taken for a dead one': {
    edits: {
      'engine/fences.ts': [
        ["runtime.liveness.judge(lease.holder) === 'dead'", "runtime.liveness.judge(lease.holder) !== 'unknown'"],
      ],
    },
  },
  'retention keeps one release too few': {
    edits: {
      'engine/retention.ts': [['.slice(0, runtime.retention)', '.slice(0, runtime.retention - 1)']],
    },
  },
  'routes and releases are not aligned': {
    edits: {
      'engine/reconcile.ts': [
        ['await patiently(runtime, async () => align(runtime, id, key, own, await looks?.take(id, key)))', ''],
      ],
    },
  },
  'what is left of an unfinished attempt is forgotten by maintenance': {
    edits: {
      'engine/maintenance.ts': [['  if (former !== null && !isTerminal(former.status)) return false\n', '']],
    },
    rare: true,
  },
  'an attempt does not wait for maintenance': {
    edits: {
      'engine/acquire.ts': [['(other === null && holderGone(runtime, lease))', 'other === null']],
    },
    rare: true,
  },
  'leases are not given back at the end': {
    edits: {
      'engine/ending.ts': [['    releaseLeases: attempt.leases(),\n', '']],
    },
  },
  'the promotion is not intended before it is done': {
    edits: {
      'engine/phases/promote.ts': [["set: { promotion: 'intended', journal:", 'set: { journal:']],
    },
    rare: true,
  },
  'a handle resolves before the end': {
    edits: {
      'engine/begin.ts': [['  const done = ended\n', '  const done = Promise.resolve(deployment)\n']],
    },
  },
  'a former release is taken to serve without being asked': {
    edits: {
      'engine/phases/rollback.ts': [
        [
          "if (state === 'running' && (await answers(attempt, previous, release).catch(notLost))) break",
          "if (state === 'running') break",
        ],
      ],
    },
  },
  'an error of the proxy is taken for an answer of the release': {
    edits: {
      'engine/phases/routing.ts': [['const gatewayErrors = [502, 503, 504]', 'const gatewayErrors: number[] = []']],
    },
  },
  'a process that was seen before it was asked is taken for the one that answered': {
    edits: {
      'engine/phases/serving.ts': [['    await inspected(attempt, 1)\n', '']],
    },
    rare: true,
  },
  'an access check without an address passes': {
    edits: {
      'engine/phases/routing.ts': [['      if (probe.length > 0)\n', '']],
    },
    rare: true,
  },
  'a takeover does not compare the counter': {
    edits: {
      'engine/fences.ts': [['{ ...(expect?.holder ? { expectBeats: expect.beats } : {}) }', '{}']],
    },
    rare: true,
  },
  'a rollback goes on where the fence could not be raised': {
    edits: {
      'engine/phases/rollback.ts': [
        ['  await raiseFences(target, record.resourceId, attempt.token, fenceOwner, { again: raised, others })\n', ''],
      ],
    },
    rare: true,
  },
}
