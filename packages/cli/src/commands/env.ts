import { list } from './env-list.js'
import { set } from './env-set.js'
import { unset } from './env-unset.js'
import type { Register } from './register.js'

export const env: Register = (program, run) => {
  const group = program.command('env').description('variables of a resource: of its builds and of what runs')
  for (const register of [list, set, unset]) register(group, run)
}
