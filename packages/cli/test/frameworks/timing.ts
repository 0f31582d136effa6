import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { DeploymentEvent, PlannedCommand } from '@appaloft/core/spec'

export interface Seconds {
  install?: number
  build?: number
  start?: number
}

/** How long the commands of a plan run, told by the processes that this process starts. */
export function timeCommands(commands: { install?: PlannedCommand; build?: PlannedCommand }) {
  const seconds: Seconds = {}
  const started = (message: unknown) => {
    const { process: child } = message as { process: ChildProcess }
    child.once('spawn', () => {
      const argv = child.spawnargs.join(' ')
      const name = (['install', 'build'] as const).find((one) => {
        const command = commands[one]?.command
        return command !== undefined && argv.endsWith(typeof command === 'string' ? command : command.join(' '))
      })
      if (name === undefined) return
      const since = performance.now()
      child.once('exit', () => {
        seconds[name] = secondsSince(since)
      })
    })
  }
  subscribe('child_process', started)
  return { seconds, stop: () => unsubscribe('child_process', started) }
}

const secondsSince = (since: number) => Math.round((performance.now() - since) / 100) / 10

/** From the start of the candidate to the moment the traffic moved. */
export function startSeconds(events: readonly DeploymentEvent[]): number | undefined {
  const at = (type: DeploymentEvent['type'], step?: string) =>
    events.find((event) => event.type === type && event.step === step)?.at
  const from = at('step-started', 'start')
  const to = events.find((event) => event.type === 'traffic-promoted')?.at
  return from === undefined || to === undefined ? undefined : Math.round((Date.parse(to) - Date.parse(from)) / 100) / 10
}
