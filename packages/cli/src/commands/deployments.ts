import { cancel } from './deployments-cancel.js'
import { diagnostics } from './deployments-diagnostics.js'
import { events } from './deployments-events.js'
import { list } from './deployments-list.js'
import { logs } from './deployments-logs.js'
import { recovery } from './deployments-recovery.js'
import { retry } from './deployments-retry.js'
import { rollback } from './deployments-rollback.js'
import { show } from './deployments-show.js'
import type { Register } from './register.js'

export const deployments: Register = (program, run) => {
  const group = program.command('deployments').description('attempts: what ran, what runs, and the ways back')
  for (const register of [list, show, events, logs, cancel, retry, rollback, recovery, diagnostics])
    register(group, run)
}
