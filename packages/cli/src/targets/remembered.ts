import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Store } from '@appaloft/core/spec'
import type { z } from 'zod'
import { CliError } from '../errors.js'
import { type DockerChoice, dockerChoiceSchema } from './config.js'

const fileOf = (stateDir: string): string => join(stateDir, 'docker.json')

/** What a file of the state folder keeps; null: there is none. `again`: what makes it anew. */
export async function readChoice<S extends z.ZodType>(
  file: string,
  schema: S,
  again: string,
): Promise<z.output<S> | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (text === null) return null
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new CliError('config-invalid', `The file ${basename(file)} of the state folder cannot be read.`, {
      hint: `Remove ${file}, then ${again}.`,
    })
  }
}

export async function writeChoice(file: string, choice: object): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.${process.pid}`
  await writeFile(fresh, `${JSON.stringify(choice, null, 2)}\n`, { mode: 0o600 })
  await rename(fresh, file)
}

/** How releases of this state folder run in Docker; null: none ever did. */
export const recall = (stateDir: string): Promise<DockerChoice | null> =>
  readChoice(fileOf(stateDir), dockerChoiceSchema, 'run appaloft up with --target docker (and --proxy) as before')

/** Where releases that run already would be lost sight of. */
const lasting = ({ proxy, docker: { host, context, scope }, caddy: { admin } }: DockerChoice) => ({
  ...{ proxy, 'docker.host': host, 'docker.context': context },
  ...{ 'docker.scope': scope, 'caddy.admin': proxy === 'caddy' ? admin : undefined },
})

/** Keeps it for later commands, if it is another than before. Refused where something live would be lost sight of. */
export async function remember(
  stateDir: string,
  choice: DockerChoice,
  former: DockerChoice | null,
  store: Store,
): Promise<void> {
  if (former !== null && isDeepStrictEqual(former, choice)) return
  if (former !== null) refuseChange('in Docker', changes(former, choice), await liveInDocker(store))
  await writeChoice(fileOf(stateDir), choice)
}

export interface Change {
  name: string
  before: string
  now: string
}

export function changedFields(
  before: Readonly<Record<string, string | undefined>>,
  now: Readonly<Record<string, string | undefined>>,
): Change[] {
  const names = Object.keys(before).filter((name) => before[name] !== now[name])
  return names.map((name) => ({ name, before: before[name] ?? 'not set', now: now[name] ?? 'not set' }))
}

const changes = (former: DockerChoice, choice: DockerChoice) => changedFields(lasting(former), lasting(choice))

const liveInDocker = async (store: Store): Promise<string[]> =>
  (await store.listResources()).filter((one) => one.live.docker !== undefined).map(({ id }) => id)

/** What is live is reached as it was deployed, whatever is asked for now. */
export async function inForce(choice: DockerChoice, former: DockerChoice | null, store: Store): Promise<DockerChoice> {
  if (former === null || changes(former, choice).length === 0) return choice
  return (await liveInDocker(store)).length === 0 ? choice : former
}

export function refuseChange(where: string, changed: readonly Change[], live: readonly string[]): void {
  if (changed.length === 0 || live.length === 0) return
  const told = changed.map(({ name, before, now }) => `${name} was ${before} and is ${now}`)
  throw new CliError('invalid-input', `What is live ${where} was deployed otherwise: ${told.join('; ')}.`, {
    hint: `Deploy as before, or take ${live.join(', ')} down first (appaloft down), or use a state folder of its own (--state-dir).`,
    details: { resources: [...live], changed: changed.map(({ name }) => name) },
  })
}
