import { join } from 'node:path'
import { createAppaloft, type DeploymentHandle } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process } from '@appaloft/target-process'

/** Deploys the application in `path` twice, and goes back to the first release. Tells `say` what happens. */
export async function embed(path: string, stateDir: string, say: (line: string) => void): Promise<void> {
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [process({ proxy: embedded() })],
    planners: [node(), staticSite()],
  })
  const hello = (greeting: string) => ({
    id: 'res_hello',
    source: { kind: 'local-folder' as const, path },
    environment: { GREETING: { value: greeting } },
  })
  const finish = async (attempt: DeploymentHandle) => {
    const { trigger, status, accessUrls, failure } = await attempt.done
    if (failure) throw new Error(`${failure.code}: ${failure.message} ${failure.recoveryHint}`)
    say(`${trigger} ${status}: ${await fetch(accessUrls[0] ?? '').then((answer) => answer.text())}`)
  }
  try {
    const preview = await appaloft.deployments.plan({ resource: hello('one') })
    say(`plan ${preview.readiness.status}: ${preview.planner?.reason}`)

    // the fingerprint: what was shown, or nothing
    const first = await appaloft.deployments.create({ resource: hello('one'), fingerprint: preview.fingerprint })
    for await (const envelope of first.events({ follow: true })) {
      if (envelope.kind === 'event' && envelope.event.type !== 'log')
        say(`  ${envelope.event.type} ${envelope.event.step ?? ''}`)
    }
    await finish(first)

    const second = await appaloft.deployments.create({ resource: hello('two') })
    await second.promoted // users reach the second release from here on
    await finish(second)

    await finish(await appaloft.deployments.rollback('res_hello'))
  } finally {
    await appaloft.close() // releases go on
  }
}
