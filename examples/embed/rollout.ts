import { join } from 'node:path'
import { createAppaloft, type RolloutHandle, type Target } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { sqlite } from '@appaloft/store-sqlite'

/** Brings the application in `path` to every machine, twice, and all of them back to the first release. Tells `say` what happens. */
export async function rollOut(
  machines: readonly Target[],
  path: string,
  stateDir: string,
  say: (line: string) => void,
): Promise<void> {
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: machines,
    planners: [node(), staticSite()],
  })
  const hello = (greeting: string) => ({
    id: 'res_hello',
    source: { kind: 'local-folder' as const, path },
    environment: { GREETING: { value: greeting } },
  })
  const finish = async ({ done }: RolloutHandle) => {
    const { status, targets, failure } = await done
    if (failure) throw new Error(`${failure.target}: ${failure.code}: ${failure.message} ${failure.recoveryHint}`)
    say(`${status}: ${targets.map((one) => `${one.target} ${one.status}`).join(', ')}`)
  }
  try {
    // one after the other: a failure on the first leaves the others as they are
    await finish(await appaloft.deployments.rollout({ resource: hello('one') }))

    // verified on one machine and then on four at a time; promoted on all of them, or on none
    const together = { batch: { first: 1, rest: 4 }, promote: 'together' } as const
    await finish(await appaloft.deployments.rollout({ resource: hello('two') }, together))

    // what was live before, on every machine or on none
    await finish(await appaloft.deployments.rollout({ resource: 'res_hello', rollback: {} }, together))
  } finally {
    await appaloft.close() // releases go on
  }
}
