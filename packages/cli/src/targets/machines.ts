import type { CompositionConfig } from '../config/define.js'
import { usageError } from '../errors.js'
import type { MachineChoice, SshConfig } from './config.js'

/** `USER@HOST`, `USER@HOST:PORT` or `USER@[::1]:PORT` as the two parts that ssh takes. */
export function parseMachine(text: string): { destination: string; port?: number } {
  const [, user = '', bracketed, plain, port] = /^(.*@)?(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  // An IPv6 address without brackets has no port.
  if (host === undefined) return { destination: text }
  return { destination: `${user}${host}`, ...(port === undefined ? {} : { port: Number(port) }) }
}

/** The key of its target: what `--target` takes, and what the store remembers. */
export const machineKey = ({ destination, port }: { destination: string; port?: number | undefined }): string =>
  port === undefined
    ? `ssh:${destination}`
    : `ssh:${destination.includes('::') ? bracketed(destination) : destination}:${port}`

const bracketed = (destination: string) => destination.replace(/([^@]*)$/, '[$1]')

export const isMachineKey = (target: string): boolean => target.startsWith('ssh:')

/** The machines that configuration or flags name, in their order; none where they only say `ssh`. */
export const namedMachines = ({ destination, hosts }: SshConfig): string[] =>
  hosts ?? (destination === undefined ? [] : [destination])

/** How each of the machines that are asked for is reached, by the configuration, else as it was before. */
export function machineChoices(
  { target, ssh = {}, caddy }: CompositionConfig,
  remembered: readonly MachineChoice[] = [],
  used: readonly MachineChoice[] = remembered,
): MachineChoice[] {
  if (target !== 'ssh') return []
  const { destination: _, hosts: __, ...shared } = ssh
  const told = Object.keys(shared).length > 0
  const seen = new Set<string>()
  const choices = namedMachines(ssh).map((name): MachineChoice => {
    const machine = parseMachine(name)
    if (!/^[^\s-][^\s/]*$/.test(machine.destination))
      throw usageError(
        `${JSON.stringify(name)} names no machine.`,
        'Write USER@HOST, with :PORT where it needs one, or a Host of the ssh configuration.',
      )
    const key = machineKey({ ...shared, ...machine })
    const former = remembered.find((one) => machineKey(one.ssh) === key)
    if (seen.has(key)) throw usageError(`The machine ${name} is named twice.`, 'Name each machine once.')
    seen.add(key)
    return {
      ssh: { ...(told ? shared : former?.ssh), ...machine },
      caddy: caddy ?? former?.caddy ?? {},
    }
  })
  if (choices.length > 0) return choices
  // The only one needs no name; of one where nothing is any more nobody need know.
  const candidates = used.length > 0 ? used : remembered
  const [only, ...others] = candidates
  if (only !== undefined && others.length === 0)
    return [{ ssh: { ...only.ssh, ...shared }, caddy: caddy ?? only.caddy }]
  throw usageError(
    only === undefined ? 'No machine is named.' : `There are several machines: ${candidates.map(nameOf).join(', ')}.`,
    'Name it: --host USER@HOST, or ssh: { destination } in appaloft.config.ts.',
  )
}

const nameOf = ({ ssh }: MachineChoice): string => machineKey(ssh).slice('ssh:'.length)
