import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Store } from '@appaloft/core/spec'
import { CliError } from '../errors.js'
import { type DockerChoice, dockerChoiceSchema } from './config.js'

const fileOf = (stateDir: string): string => join(stateDir, 'docker.json')

/** How releases of this state folder run in Docker; null: none ever did. */
export async function recall(stateDir: string): Promise<DockerChoice | null> {
  const file = fileOf(stateDir)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (text === null) return null
  try {
    return dockerChoiceSchema.parse(JSON.parse(text))
  } catch {
    throw new CliError('config-invalid', 'The file docker.json of the state folder cannot be read.', {
      hint: `Remove ${file}, then run appaloft up with --target docker (and --proxy) as before.`,
    })
  }
}

/** Where releases that run already would be lost sight of. */
const lasting = ({ proxy, docker: { host, context, scope }, caddy: { admin } }: DockerChoice) => ({
  ...{ proxy, 'docker.host': host, 'docker.context': context },
  ...{ 'docker.scope': scope, 'caddy.admin': proxy === 'caddy' ? admin : undefined },
})

/** Before the first deployment of its kind. Refused where it would leave what is live without its proxy or its engine. */
export async function remember(
  stateDir: string,
  choice: DockerChoice,
  former: DockerChoice | null,
  store: Store,
): Promise<void> {
  if (former !== null && isDeepStrictEqual(former, choice)) return
  if (former !== null) await refuseLoss(former, choice, store)
  const file = fileOf(stateDir)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.${process.pid}`
  await writeFile(fresh, `${JSON.stringify(choice, null, 2)}\n`, { mode: 0o600 })
  await rename(fresh, file)
}

const changes = (former: DockerChoice, choice: DockerChoice) => {
  const [before, now] = [lasting(former), lasting(choice)]
  const names = (Object.keys(before) as (keyof typeof before)[]).filter((name) => before[name] !== now[name])
  return names.map((name) => ({ name, before: before[name] ?? 'not set', now: now[name] ?? 'not set' }))
}

const liveInDocker = async (store: Store): Promise<string[]> =>
  (await store.listResources()).filter((one) => one.live.docker !== undefined).map(({ id }) => id)

/** What is live is reached as it was deployed, whatever is asked for now. */
export async function inForce(choice: DockerChoice, former: DockerChoice | null, store: Store): Promise<DockerChoice> {
  if (former === null || changes(former, choice).length === 0) return choice
  return (await liveInDocker(store)).length === 0 ? choice : former
}

async function refuseLoss(former: DockerChoice, choice: DockerChoice, store: Store): Promise<void> {
  const changed = changes(former, choice)
  if (changed.length === 0) return
  const live = await liveInDocker(store)
  if (live.length === 0) return
  const told = changed.map(({ name, before, now }) => `${name} was ${before} and is ${now}`)
  throw new CliError('invalid-input', `What is live in Docker was deployed otherwise: ${told.join('; ')}.`, {
    hint: `Deploy as before, or take ${live.join(', ')} down first (appaloft down), or use a state folder of its own (--state-dir).`,
    details: { resources: live, changed: changed.map(({ name }) => name) },
  })
}
