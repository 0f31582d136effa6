import { memoryTree } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import type { Claim, Planner, PlannerContext } from '../spec/planner.js'
import type { Profiles } from '../spec/profiles.js'
import { detectClaims } from './search.js'

/** A planner that claims each directory with a file of its name, as the file says. */
const planner = (key: string, claim: Partial<Claim>): Planner => ({
  specVersion: 1,
  key,
  detect: async ({ tree }) => {
    const text = await tree.readText(key)
    if (text === null) return null
    const supportTier = text === 'weak' ? 'requires-override' : 'generic'
    return { basis: 'generic', supportTier, reason: key, evidence: [], artifactKind: 'workspace', ...claim }
  },
  plan: () => Promise.reject(new Error('not asked')),
})
const planners = [
  planner('app', {}),
  planner('services', { basis: 'compose', artifactKind: 'compose-project' }),
  planner('image', { basis: 'dockerfile', artifactKind: 'dockerfile' }),
]

async function search(files: Record<string, string>, runtime: Profiles['runtime'] = {}, kinds = ['workspace']) {
  const root = memoryTree(files)
  const contextAt = (baseDirectory: string, tree: PlannerContext['tree']): PlannerContext => ({
    ...{ tree, root, baseDirectory, source: { kind: 'local-folder', path: '.' } },
    profiles: { runtime, network: {}, health: undefined, access: {}, environment: {}, volumes: [], binds: [] },
    target: { key: 'here', artifactKinds: kinds as Claim['artifactKind'][], exposures: ['proxy'] },
    signal: new AbortController().signal,
  })
  const { baseDirectory, found, reasons } = await detectClaims(planners, root, undefined, contextAt)
  return { baseDirectory, found: found.map((one) => one.planner.key), codes: reasons.map((one) => one.code) }
}
const all = ['workspace', 'compose-project', 'dockerfile']

describe('the search for what is deployed', () => {
  it('ends at the first directory with a claim that holds', async () => {
    expect(await search({ app: '', 'a/app': '' })).toMatchObject({ baseDirectory: '.', found: ['app'] })
    expect(await search({ app: 'weak', 'a/app': '' })).toMatchObject({ baseDirectory: 'a' })
    expect(await search({ 'a/app': '', 'b/app': '' })).toMatchObject({ codes: ['ambiguous-framework-evidence'] })
  })

  it('looks in every branch, as deep as it goes, and not inside of what it found', async () => {
    const several = { codes: ['ambiguous-framework-evidence'] }
    expect(await search({ 'web/app': '', 'services/api/app': '' })).toMatchObject(several)
    expect(await search({ 'web/app': '', 'web/server/app': '' })).toMatchObject({ baseDirectory: 'web' })
    expect(await search({ 'web/app': '', 'a/b/c/d/app': '', 'a/b/c/d/e/app': '' })).toMatchObject(several)
    expect(await search({ 'web/app': '', 'a/b/c/d/e/app': '' })).toMatchObject({ baseDirectory: 'web' })
  })

  it('takes what is there for the application for it only where it is named', async () => {
    const asked = { codes: ['ambiguous-framework-evidence'] }
    expect(await search({ 'web/app': '', 'examples/a/app': '', 'test/e2e/app': '' })).toMatchObject({
      baseDirectory: 'web',
    })
    for (const only of ['tests/e2e/app', 'docs/app', 'examples/a/app', 'packages/x/__tests__/app'])
      expect(await search({ [only]: '' })).toMatchObject(asked)
    // Documentation is deployed as often as not, and a package of a workspace has the name that it likes.
    expect(await search({ 'docs/app': '', 'web/app': '' })).toMatchObject(asked)
    expect(await search({ 'apps/docs/app': '' })).toMatchObject({ baseDirectory: 'apps/docs' })
  })

  it('goes on below what the target cannot run', async () => {
    expect(await search({ services: '', 'a/app': '' })).toMatchObject({ baseDirectory: 'a', found: ['app'] })
    expect(await search({ image: '', 'a/app': '' })).toMatchObject({ baseDirectory: 'a', found: ['app'] })
    expect(await search({ services: '', 'a/app': '' }, {}, all)).toMatchObject({ baseDirectory: '.' })
    // Nothing below: what there is is shown, and why it is set aside.
    expect(await search({ services: '', 'a/x': '' })).toMatchObject({ baseDirectory: '.', found: ['services'] })
    expect(await search({ services: '', 'a/app': '' }, { planner: 'services' })).toMatchObject({ baseDirectory: '.' })
  })

  it('goes on below a claim that a weaker basis cannot save', async () => {
    expect(await search({ app: 'weak', services: '', 'a/app': '' }, {}, all)).toMatchObject({ baseDirectory: 'a' })
    expect(await search({ app: 'weak', services: '' }, {}, all)).toMatchObject({ found: ['app', 'services'] })
    expect(await search({ app: 'weak', image: '', 'a/app': '' }, {}, all)).toMatchObject({ baseDirectory: '.' })
  })
})
