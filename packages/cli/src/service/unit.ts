import { commandLine, quoteArgument, quoteValue } from './quote.js'

export type Scope = 'user' | 'system'

export interface UnitOptions {
  scope: Scope
  /** What starts this program: Node and the file. */
  program: readonly string[]
  /** Absolute. */
  stateDir: string
  /** Absolute; null: the default composition. */
  configFile: string | null
  /** Of the user's shell: what was found there is found at boot as well. */
  path: string | undefined
  /** Whose releases they are; system units alone. */
  user?: string
}

/** The first line of every unit that `service install` wrote. */
export const unitMark =
  '# Written by `appaloft service install`, which replaces it: keep changes of your own in a drop-in (systemctl edit).'

const stateDirArguments = (stateDir: string): string[] => ['--state-dir', stateDir]

/** Is a unit for this state folder? */
export const unitServes = (text: string, stateDir: string): boolean =>
  text.split('\n').some((line) => {
    const wanted = stateDirArguments(stateDir).map(quoteArgument).join(' ')
    return line.startsWith('ExecStart=') && `${line} `.includes(` ${wanted} `)
  })

/** The unit that brings the releases of a state folder back at boot. */
export function unitText(options: UnitOptions): string {
  const { scope, program, stateDir, configFile, path, user } = options
  const argv = [
    ...program,
    'reconcile',
    ...stateDirArguments(stateDir),
    ...(configFile === null ? [] : ['--config', configFile]),
  ]
  const lines = [
    unitMark,
    '[Unit]',
    'Description=Releases of Appaloft',
    'After=network.target',
    ...(scope === 'system' ? [`RequiresMountsFor=${quoteValue(stateDir)}`] : []),
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    '# Releases, their keeper and the proxy are started by this command and outlive it, also when the unit is stopped.',
    'KillMode=process',
    'OOMPolicy=continue',
    'TasksMax=infinity',
    ...(user === undefined ? [] : [`User=${user}`]),
    '# Where no configuration file lies that somebody left by chance.',
    'WorkingDirectory=/',
    ...(path === undefined ? [] : [`Environment=${quoteValue(`PATH=${path}`)}`]),
    `ExecStart=${commandLine(argv)}`,
    '',
    '[Install]',
    `WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}`,
    '',
  ]
  return lines.join('\n')
}
