import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft } from '@appaloft/core'
import { AppaloftError } from '@appaloft/core/spec'
import { node } from '@appaloft/planner-node'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes } from '@appaloft/target-process'
import type { Definition } from './live.js'

/** What one of several engines on a state folder does. */
export interface Rival {
  stateDir: string
  definition: Definition
  concurrency: 'supersede' | 'wait'
  /** Begins when this file is there. */
  go?: string
  /** Stops itself (SIGSTOP) before the n-th call of this kind. */
  stopBefore?: { call: 'start' | 'apply' | 'commit'; number: number } | { event: string }
}

export type RivalSays =
  | { created: string }
  | { stopping: true }
  | { status: string; promoted: string; code: string | null }

const rival = JSON.parse(process.argv[2] ?? '') as Rival
const say = (line: RivalSays) => console.log(JSON.stringify(line))
const { stopBefore } = rival
let calls = 0
const stop = () => {
  say({ stopping: true })
  process.kill(process.pid, 'SIGSTOP')
}
const stopping =
  <A extends unknown[], R>(kind: string, call: (...given: A) => R): ((...given: A) => R) =>
  (...given) => {
    if (stopBefore !== undefined && 'call' in stopBefore && stopBefore.call === kind && ++calls === stopBefore.number)
      stop()
    return call(...given)
  }

const store = sqlite({ path: join(rival.stateDir, 'appaloft.db') })
const proxy = embedded()
const target = processes({ proxy: { ...proxy, apply: stopping('apply', proxy.apply) } })
const appaloft = createAppaloft({
  stateDir: rival.stateDir,
  store: { ...store, commit: stopping('commit', store.commit) },
  targets: [{ ...target, start: stopping('start', target.start) }],
  planners: [node()],
  concurrency: rival.concurrency,
})
while (rival.go !== undefined && !existsSync(rival.go)) await sleep(5)
const handle = await appaloft.deployments.create(
  { resource: rival.definition },
  {
    onEvent: ({ type, step }) => {
      if (stopBefore !== undefined && 'event' in stopBefore && stopBefore.event === `${type}/${step}`) stop()
    },
  },
)
say({ created: handle.id })
const promoted = await handle.promoted.then(
  () => 'promoted',
  (error) => (AppaloftError.isInstance(error) ? error.code : `not typed: ${String(error)}`),
)
const { status, failure } = await handle.done
say({ status, promoted, code: failure?.code ?? null })
await appaloft.close()
