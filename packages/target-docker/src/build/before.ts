import { createHash } from 'node:crypto'
import type { BuildInput } from '@appaloft/core/spec'
import { EngineUnreachable } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import type { Maker } from '../builder/maker.js'
import { checkMark } from '../marks.js'
import { label, type Names, partsOf, plainName } from '../names.js'
import type { BuildParts } from './build.js'

interface Before {
  image: string
  name: string
}

export interface Looked {
  /** A digest of all that decides what is built. */
  inputs: string
  /** What it is built for, where that is not usual for the engine that builds. */
  platform: string | null
  found: Before | undefined
}

/** A digest of all that decides what is built. */
export const inputsOf = (all: readonly unknown[]) => createHash('sha256').update(JSON.stringify(all)).digest('hex')

/** The labels of what these inputs gave. */
export const askOf = (names: Names, resourceId: string, inputs: string) => [
  ...names.ofResource(resourceId, 'build'),
  `${label.inputs}=${inputs}`,
]

/** What the same inputs gave before, where it is to run, else where it is made. @param only the latter alone */
export async function lookBefore(
  parts: Pick<BuildParts, 'engine' | 'maker' | 'names'>,
  input: Pick<BuildInput, 'resourceId' | 'signal' | 'noCache'>,
  of: readonly unknown[],
  only?: 'made',
): Promise<Looked> {
  const { engine, maker, names } = parts
  const { resourceId, signal, noCache } = input
  const asked = { names, resourceId, signal }
  const there = async (inputs: string) =>
    noCache || (only === 'made' && maker.elsewhere)
      ? undefined
      : await newest(engine, { ...asked, inputs }, (tag) => tag)
  const plain = inputsOf(of)
  const found = await there(plain)
  // Then the engine that builds need not even answer.
  if (found !== undefined || !maker.elsewhere) return { inputs: plain, platform: null, found }
  const platform = await maker.platform(signal)
  const inputs = platform === null ? plain : inputsOf([...of, platform])
  const foreign = platform === null ? undefined : await there(inputs)
  if (foreign !== undefined || noCache) return { inputs, platform, found: foreign }
  const here = await newest(maker.engine, { ...asked, inputs }, plainName)
  // It may have been made for another machine.
  if (here !== undefined) await named(maker, here.image, here.name, signal)
  return { inputs, platform, found: here }
}

async function newest(
  engine: Engine,
  { names, resourceId, inputs, signal }: { names: Names; resourceId: string; inputs: string; signal: AbortSignal },
  named: (tag: string) => string,
): Promise<Before | undefined> {
  const found = await engine.images(askOf(names, resourceId, inputs), { signal })
  const prefix = names.image(resourceId, '').name
  const [first] = found
    .flatMap(({ Id: image, RepoTags: tags, Created: created }) =>
      tags.map(named).flatMap((name) => (name.startsWith(prefix) ? [{ image, name, created }] : [])),
    )
    .sort((a, b) => b.created - a.created)
  return first === undefined ? undefined : { image: first.image, name: first.name }
}

/** Images that a build made and nobody named: its attempt was aborted or overtaken. Likewise what was sent. */
export async function sweep({ engine, maker, names }: BuildParts, resourceId: string, signal: AbortSignal) {
  const on = async (one: Engine) => {
    for (const { Id: id, RepoTags: tags } of await one.images(names.ofResource(resourceId, 'build'), { signal }))
      if (tags.every((tag) => tag === '<none>:<none>')) await one.untag(id, { signal }).catch(() => undefined)
  }
  await on(engine)
  // What is on the machine already needs no engine that builds.
  if (maker.elsewhere)
    await on(maker.engine).catch((error: unknown) => {
      if (!(error instanceof EngineUnreachable)) throw error
    })
}

/** What was built gets its name, unless a newer holder has taken over meanwhile: without a name it is swept. */
export async function kept(
  { engine, maker, names }: BuildParts,
  { resourceId, token, signal }: BuildInput,
  inputs: string,
  image: string,
): Promise<{ image: string; name: string }> {
  await checkMark(engine, names, resourceId, token, signal)
  const { name } = names.image(resourceId, `b-${inputs.slice(0, 24)}-${image.replace(/^sha256:/, '').slice(0, 12)}`)
  await named(maker, image, name, signal)
  return { image, name }
}

/** @param name where it runs */
export async function named(maker: Maker, image: string, name: string, signal: AbortSignal): Promise<void> {
  const { repo, tag } = partsOf(maker.name(name))
  await maker.engine.tag(image, repo, tag, { signal })
}
