import type { Reason } from '@appaloft/core/spec'
import { longOf, type ProfileFlag, profileFlags } from '../project/profile-flags.js'
import { commandLine } from './text.js'

type Way = Reason['overridePath'][number]

const flagOf = (field: string): ProfileFlag | undefined => profileFlags.find((flag) => flag.field === field)

/** What a person types to go one way: a flag of `plan` and `up`, or a line of the configuration file. Null where nothing is to be set. */
export function typed({ action, profileField: field, example }: Way): string | null {
  if (field === undefined) return null
  const [, name = ''] = /^environment\.(\w+)\.value$/.exec(field) ?? []
  if (name !== '') return `--env ${name}=${example ?? '…'}`
  if (example === undefined) return null
  if (field === 'environment' && /^\w+$/.test(example))
    return `${/scope build/.test(action) ? '--build-secret' : '--secret'} ${example}`
  if (field === 'source.gitRef') return commandLine(['--ref', example])
  if (field === 'source.image') return commandLine([`docker://${example}`])
  const [, argument] = /^runtime\.buildArgs\.(\w+)$/.exec(field) ?? []
  if (argument !== undefined) return commandLine(['--build-arg', `${argument}=${example}`])
  const flag = flagOf(field)
  if (flag === undefined) return inConfiguration(field, example)
  if (flag.sets === undefined) return commandLine([longOf(flag), example])
  return String(flag.sets) === example ? longOf(flag) : inConfiguration(field, example)
}

/** `appaloft.config.json: { "access": { "redirectTo": "…" } }`; each file of that name takes the same fields. */
function inConfiguration(field: string, example: string): string {
  const value: unknown = /^(?:\d+|true|false)$/.test(example) ? JSON.parse(example) : example
  const fields = field.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
  return `appaloft.config.json: ${JSON.stringify(fields, null, 1).replace(/\n\s*/g, ' ')}`
}
