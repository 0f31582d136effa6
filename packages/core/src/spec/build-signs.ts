/** How package managers say that the lockfile does not fit the manifest. */
const outOfStep = [
  /`npm ci` can only install packages when your package\.json and package-lock\.json/,
  /ERR_PNPM_OUTDATED_LOCKFILE/,
  /Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`/,
  /YN0028/,
  /lockfile had changes, but lockfile is frozen/,
]

const diskFull = /ENOSPC|No space left on device|EDQUOT|Disk quota exceeded/i

/** A runtime that came to the limit of its own memory, whatever the machine has. */
const outOfHeap = /JavaScript heap out of memory|java\.lang\.OutOfMemoryError|fatal error: runtime: out of memory/

const unreachableCode =
  'E(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOTFOUND|AI_AGAIN|NETUNREACH|HOSTUNREACH)|ERR_SOCKET_TIMEOUT'

/** How package managers say that they did not reach the registry. What a script of a package prints is not meant. */
const unreachable = [
  new RegExp(`^npm (?:error|ERR!) code (?:${unreachableCode})$`),
  /^ ?ERR_PNPM_(?:META_)?FETCH_FAIL/,
  new RegExp(`^error .*https?://.*(?:${unreachableCode})`),
]

/** … and that it did not let them in. */
const refused = [/^npm (?:error|ERR!) code E40[13]$/, /^ ?ERR_PNPM_FETCH_40[13]/, /^error .*https?:\/\/.*\b40[13]\b/]

/** So many lines are kept from where a package manager says what is wrong: npm lets its whole usage follow. */
const keptOfStep = 20

/** What the output says of the cause, wherever in it: the last lines alone may be something else. */
export class BuildSigns {
  diskFull = false
  outOfMemory = false
  /** From the telling line on; null: the lockfile is in step. */
  outOfStep: string[] | null = null
  registry: 'unreachable' | 'refused' | null = null

  see(text: string): void {
    // The system's limit of watched files has the same name as a full disk.
    if (diskFull.test(text) && !text.includes('file watchers')) this.diskFull = true
    if (outOfHeap.test(text)) this.outOfMemory = true
    if (unreachable.some((pattern) => pattern.test(text))) this.registry = 'unreachable'
    if (refused.some((pattern) => pattern.test(text))) this.registry = 'refused'
    if (this.outOfStep === null && outOfStep.some((pattern) => pattern.test(text))) this.outOfStep = []
    if (this.outOfStep !== null && this.outOfStep.length < keptOfStep) this.outOfStep.push(text)
  }
}

/** A build that ran out of its runtime's own memory: what to say, and the setting. */
export const heapFault = (command: string) => ({
  message: `The command ${command} ran out of the memory that its runtime may take.`,
  recoveryHint:
    'Let it take more, such as by NODE_OPTIONS=--max-old-space-size=4096 in environment with the scope build, or less at once.',
  profileField: 'environment',
})

/** The setting that a command of the build comes from. */
export const commandField: Partial<Record<string, string>> = {
  'install-failed': 'runtime.installCommand',
  'build-failed': 'runtime.buildCommand',
  'package-failed': 'runtime.packageCommand',
}
