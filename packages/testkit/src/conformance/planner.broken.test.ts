import {
  type Blocked,
  type Claim,
  isBlocked,
  type PlanDraft,
  type Planner,
  type PlannerContext,
  reason,
} from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { type PlannerSubject, plannerConformance } from './planner.js'

const file = 'toy.txt'
const at = ({ baseDirectory }: PlannerContext, path: string): string =>
  baseDirectory === '.' ? path : `${baseDirectory}/${path}`

/** A planner for a language that does not exist: the file holds the start command. */
const sound = (): Planner => ({
  specVersion: 1,
  key: 'toy',
  async detect(context) {
    if (!(await context.tree.has(file))) return null
    return {
      ...{ basis: 'generic', supportTier: 'generic', artifactKind: 'workspace', reason: 'There is a toy.' },
      evidence: [{ kind: 'file', file: at(context, file), signal: file }],
    }
  },
  async plan(context) {
    const { runtime, network } = context.profiles
    const text = ((await context.tree.readText(file)) ?? '').split('\n')[0]?.slice(0, 200)
    const start = runtime.startCommand ?? text
    if (start === undefined || start === '') return { blocked: [reason('missing-start-intent')] }
    const commands: PlanDraft['commands'] = {
      start: { command: start, from: runtime.startCommand === undefined ? 'planner' : 'profile' },
    }
    const fields = ['install', 'build', 'package', 'release'] as const
    for (const name of fields) {
      const command = runtime[`${name}Command`]
      if (command !== undefined) commands[name] = { command, from: 'profile' }
    }
    return {
      artifact: {
        kind: 'workspace',
        installDirectory: context.baseDirectory,
        workingDirectory: context.baseDirectory,
      },
      commands,
      network: {
        internalPort: network.internalPort ?? 7000,
        from: network.internalPort === undefined ? 'planner' : 'profile',
        honoursPort: network.honoursPort ?? true,
      },
      evidence: [{ kind: 'file', file: at(context, file), signal: file, value: text ?? '' }],
      warnings: [],
    }
  },
})

const subject = (fault: (p: Planner) => Partial<Planner> = () => ({})): PlannerSubject => ({
  create: () => {
    const planner = sound()
    return { ...planner, ...fault(planner) }
  },
  claimed: [
    { name: 'a toy', files: { 'toy.txt': 'run it', 'b.txt': '' } },
    { name: 'a toy in a folder', files: { 'a/toy.txt': 'run it', 'b.txt': '' }, baseDirectory: 'a' },
  ],
  blocked: [{ name: 'an empty toy', files: { 'toy.txt': '' } }],
  foreign: [{ name: 'a text', files: { 'b.txt': '' } }],
})

/** Changes each claim. */
const claims =
  (change: (claim: Claim, context: PlannerContext) => Claim | Promise<Claim>) =>
  (p: Planner): Partial<Planner> => ({
    detect: async (context) => {
      const claim = await p.detect(context)
      return claim === null ? null : change(claim, context)
    },
  })

/** Changes each plan that is not blocked. */
const drafts =
  (change: (draft: PlanDraft, context: PlannerContext) => PlanDraft | Promise<PlanDraft>) =>
  (p: Planner): Partial<Planner> => ({
    plan: async (context, claim) => {
      const result = await p.plan(context, claim)
      return isBlocked(result) ? result : change(result, context)
    },
  })

/** Changes each blocked plan. */
const blocks =
  (change: (blocked: Blocked) => Blocked) =>
  (p: Planner): Partial<Planner> => ({
    plan: async (context, claim) => {
      const result = await p.plan(context, claim)
      return isBlocked(result) ? change(result) : result
    },
  })

type Fault = (p: Planner) => Partial<Planner>
const always = (p: Planner): Claim => ({
  ...{ basis: 'generic', supportTier: 'generic', artifactKind: 'workspace', evidence: [] },
  reason: `${p.key} takes everything.`,
})
let calls = 0

/** For each case planners that are wrong in one way, which the case must notice. */
const broken: Record<string, Record<string, Fault>> = {
  'planner.identity': {
    'another version': () => ({ specVersion: 2 as unknown as 1 }),
    'a key that no profile can name': () => ({ key: 'My Planner' }),
    'a key of the instance': () => {
      calls += 1
      return { key: `toy-${calls}` }
    },
  },
  'planner.detect.empty': {
    'claims everything': (p) => ({ detect: async () => always(p) }),
    'throws on an empty source': (p) => ({
      detect: async (context) => {
        if ((await context.tree.list()).length === 0) throw new Error('empty')
        return p.detect(context)
      },
    }),
  },
  'planner.detect.foreign': {
    'claims every file': (p) => ({
      detect: async ({ tree }) => ((await tree.list()).length === 0 ? null : always(p)),
    }),
  },
  'planner.detect.claim': {
    'claims nothing': () => ({ detect: async () => null }),
    'no reason': claims((claim) => ({ ...claim, reason: ' ' })),
    'an unknown basis': claims((claim) => ({ ...claim, basis: 'guess' as 'generic' })),
    'an unknown kind': claims((claim) => ({ ...claim, artifactKind: 'zip' as 'workspace' })),
    'data with a date': claims((claim) => ({ ...claim, data: { at: new Date(0) as unknown as string } })),
    'data with a function': claims((claim) => ({ ...claim, data: { run: (() => 1) as unknown as number } })),
  },
  'planner.deterministic': {
    'counts its calls': claims((claim) => {
      calls += 1
      return { ...claim, reason: `call ${calls}` }
    }),
  },
  'planner.order': {
    'takes the first of a list': claims(async (claim, { tree }) => ({
      ...claim,
      reason: `first is ${(await tree.list())[0]?.name}`,
    })),
    'takes the first match': drafts(async (draft, { root }) => ({
      ...draft,
      evidence: [{ kind: 'file', file: (await root.glob('**/*.txt'))[0], signal: 'text' }],
    })),
  },
  'planner.context': {
    'writes into the profile': drafts((draft, { profiles }) => {
      profiles.runtime.startCommand = 'mine'
      return draft
    }),
    'sorts in place': drafts((draft, { profiles }) => {
      profiles.volumes.push({ name: 'v', path: '/v' })
      return draft
    }),
  },
  'planner.evidence': {
    'an absolute path': drafts((draft) => ({ ...draft, evidence: [{ kind: 'file', file: '/toy.txt', signal: 'x' }] })),
    'relative to the base': drafts((draft) => ({ ...draft, evidence: [{ kind: 'file', file, signal: 'x' }] })),
    'a file that is not there': claims((claim) => ({
      ...claim,
      evidence: [{ kind: 'file', file: 'none', signal: 'x' }],
    })),
    'the whole file': drafts((draft) => ({
      ...draft,
      evidence: [{ kind: 'text', signal: 'x', value: 'x'.repeat(10_000) }],
    })),
    'in a reason': blocks(({ blocked: [first] }) => ({
      blocked: [{ ...first, evidence: [{ kind: 'file', file: 'none', signal: 'x' }] }],
    })),
  },
  'planner.plan.artifact': {
    'another kind than claimed': claims((claim) => ({ ...claim, artifactKind: 'image' })),
    'leaves the source': drafts((draft, { baseDirectory }) => ({
      ...draft,
      artifact: { kind: 'workspace', installDirectory: '../up', workingDirectory: baseDirectory },
    })),
    'no directory': drafts((draft) => ({
      ...draft,
      artifact: { kind: 'workspace', installDirectory: '', workingDirectory: '' },
    })),
  },
  'planner.plan.shape': {
    'a port from nowhere': drafts((draft) => ({ ...draft, network: { ...draft.network, from: 'none' } })),
    'an unknown command': drafts((draft) => ({
      ...draft,
      commands: { ...draft.commands, test: { command: 'x', from: 'planner' } } as PlanDraft['commands'],
    })),
    'a map': drafts((draft) => ({ ...draft, artifact: Object.assign(new Map(), draft.artifact) })),
    'a warning without a code': drafts((draft) => ({
      ...draft,
      warnings: [{ ...reason('no-lockfile'), code: 'oops' as 'no-lockfile' }],
    })),
  },
  'planner.profile.commands': {
    'passes over the build': drafts((draft) => ({ ...draft, commands: { start: draft.commands.start } })),
    'says they are its own': drafts((draft) => ({
      ...draft,
      commands: { ...draft.commands, start: { command: draft.commands.start?.command ?? 'x', from: 'planner' } },
    })),
    'says its own are the profile’s': drafts((draft) => ({
      ...draft,
      commands: { ...draft.commands, start: { command: draft.commands.start?.command ?? 'x', from: 'profile' } },
    })),
  },
  'planner.profile.port': {
    'knows better': drafts((draft) => ({ ...draft, network: { ...draft.network, internalPort: 7000 } })),
    'says it is its own': drafts((draft) => ({ ...draft, network: { ...draft.network, from: 'planner' } })),
    'believes in PORT': drafts((draft) => ({ ...draft, network: { ...draft.network, honoursPort: true } })),
  },
  'planner.blocked': {
    'no way out': blocks(({ blocked: [first] }) => ({ blocked: [{ ...first, fixPath: [], overridePath: [] }] })),
    'an unknown code': blocks(({ blocked: [first] }) => ({
      blocked: [{ ...first, code: 'oops' as 'missing-start-intent' }],
    })),
    'a late phase': blocks(({ blocked: [first] }) => ({ blocked: [{ ...first, phase: 'verify' }] })),
    'no reason': blocks(() => ({ blocked: [] as unknown as Blocked['blocked'] })),
  },
  'planner.hostile': {
    'parses what it finds': claims(async (claim, { tree }) => {
      const text = await tree.readText('package.json')
      if (text !== null) JSON.parse(text)
      return claim
    }),
    'reads scripts of anything': claims(async (claim, { tree }) => {
      const text = await tree.readText('package.json')
      if (text === null) return claim
      let value: { scripts: { start: string } } = { scripts: { start: '' } }
      try {
        value = JSON.parse(text)
      } catch {}
      return { ...claim, data: { start: value.scripts.start } }
    }),
    'shows what it read': drafts(async (draft, { tree }) => ({
      ...draft,
      evidence: [{ kind: 'text', signal: 'text', value: await tree.readText(file) }],
    })),
  },
}

const faults = Object.entries(broken).flatMap(([id, table]) =>
  Object.entries(table).map(([name, fault]) => [id, name, fault] as const),
)

describe('the conformance of planners', () => {
  it('has a broken planner for each case, and each id once', () => {
    const ids = plannerConformance.map((one) => one.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(Object.keys(broken).sort()).toEqual([...ids].sort())
  })

  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s passes a sound planner', async (_id, one) => {
    await one.run(subject())
  })

  it.each(faults)('%s notices: %s', async (id, _name, fault) => {
    const one = plannerConformance.find((candidate) => candidate.id === id)
    await expect(one?.run(subject(fault))).rejects.toThrow()
  })
})
