import type { Command } from 'commander'
import { deployments } from './deployments.js'
import { doctor } from './doctor.js'
import { down } from './down.js'
import { env } from './env.js'
import { exec } from './exec.js'
import { init } from './init.js'
import { logs } from './logs.js'
import { plan } from './plan.js'
import { prune } from './prune.js'
import { reconcile } from './reconcile.js'
import { redeploy } from './redeploy.js'
import type { Register, Run } from './register.js'
import { resources } from './resources.js'
import { service } from './service.js'
import { status } from './status.js'
import { up } from './up.js'

/** In the order of the help. */
const all: readonly Register[] = [
  init,
  plan,
  up,
  status,
  logs,
  exec,
  env,
  redeploy,
  down,
  deployments,
  resources,
  doctor,
  reconcile,
  prune,
  service,
]

export function registerAll(program: Command, run: Run): void {
  for (const register of all) register(program, run)
}
