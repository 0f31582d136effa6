import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { activeStatuses, type Store } from '@appaloft/core/spec'
import { z } from 'zod'
import { type MachineChoice, machineChoiceSchema } from './config.js'
import { machineKey } from './machines.js'
import { type Change, changedFields, readChoice, refuseChange, writeChoice } from './remembered.js'

const schema = z.strictObject({ machines: z.array(machineChoiceSchema) })
const fileOf = (stateDir: string): string => join(stateDir, 'ssh.json')

/** How each machine is reached that releases of this state folder ever went to. */
export async function recallMachines(stateDir: string): Promise<MachineChoice[]> {
  const again = 'run appaloft up with --target ssh --host as before'
  return (await readChoice(fileOf(stateDir), schema, again))?.machines ?? []
}

/** Where releases that run already would be lost sight of. Another way to the same engine is none. */
const lasting = ({ ssh: { scope }, caddy: { admin, root } }: MachineChoice) => ({
  ...{ 'ssh.scope': scope, 'caddy.admin': admin, 'caddy.root': root },
})

const changes = (former: MachineChoice, choice: MachineChoice): Change[] =>
  changedFields(lasting(former), lasting(choice))

const liveOn = async (key: string, store: Store): Promise<string[]> =>
  (await store.listResources()).filter(({ live }) => live[key] !== undefined).map(({ id }) => id)

/** Keeps it for later commands. Refused where something live would be lost sight of. */
export async function rememberMachine(stateDir: string, choice: MachineChoice, store: Store): Promise<void> {
  const key = machineKey(choice.ssh)
  const before = await recallMachines(stateDir)
  const former = before.find(({ ssh }) => machineKey(ssh) === key)
  // Once it is in known_hosts, a key is asked for like any other.
  const { knownHosts, ...ssh } = choice.ssh
  const kept = { ...choice, ssh: { ...ssh, ...(typeof knownHosts === 'object' && { knownHosts }) } }
  if (former !== undefined && isDeepStrictEqual(former, kept)) return
  if (former !== undefined) refuseChange(`on ${key}`, changes(former, kept), await liveOn(key, store))
  await writeChoice(fileOf(stateDir), {
    machines: former === undefined ? [...before, kept] : before.map((one) => (one === former ? kept : one)),
  })
}

/** What is live is reached as it was deployed, whatever is asked for now: by another way, where that is said. */
export async function machineInForce(
  choice: MachineChoice,
  remembered: readonly MachineChoice[],
  store: Store,
): Promise<MachineChoice> {
  const key = machineKey(choice.ssh)
  const former = remembered.find(({ ssh }) => machineKey(ssh) === key)
  if (former === undefined || changes(former, choice).length === 0) return choice
  return (await liveOn(key, store)).length === 0 ? choice : former
}

/** Of the machines that were deployed to, those where something of ours may be. The others need not exist any more. */
export async function machinesInUse(remembered: readonly MachineChoice[], store: Store): Promise<MachineChoice[]> {
  if (remembered.length === 0) return []
  const active = await store.listDeployments({ statuses: activeStatuses, limit: 1000 })
  const resources = await store.listResources()
  // Where the last attempt went, the next one goes, too, also after one that failed.
  const newest = await Promise.all(resources.map(({ id }) => store.listDeployments({ resourceId: id, limit: 1 })))
  const last = new Set([...active, ...newest.flat()].map(({ target }) => target))
  const used = async (key: string): Promise<boolean> => {
    if (last.has(key)) return true
    for (const { id, live } of resources)
      if (live[key] !== undefined || (await store.listReleases({ resourceId: id, target: key })).length > 0) return true
    return false
  }
  const kept = await Promise.all(remembered.map(async (one) => ((await used(machineKey(one.ssh))) ? [one] : [])))
  return kept.flat()
}
