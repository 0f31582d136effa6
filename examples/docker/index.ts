import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { type DockerOptions, docker } from '@appaloft/target-docker'
import { keptProxy } from '@appaloft/target-process'

/** Deploys the folder to the Docker Engine of this machine, and takes it away again. Answers what users got. */
export async function withDocker(path: string, stateDir: string, options: DockerOptions = {}): Promise<string> {
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [node(), staticSite(), dockerfile(), image()],
    // keptProxy: the proxy's process is looked after by the keeper of this state folder
    targets: [docker({ proxy: embedded(), proxyContext: keptProxy, ...options })],
  })
  try {
    const resource = { id: 'res_shop', source: { kind: 'local-folder' as const, path } }
    const preview = await appaloft.deployments.plan({ resource })
    console.log(preview.generatedFiles[0]?.content)

    const attempt = await appaloft.deployments.create({ resource, fingerprint: preview.fingerprint })
    const { accessUrls, failure } = await attempt.done
    if (failure) throw new Error(`${failure.code}: ${failure.message} ${failure.recoveryHint}`)
    const answer = await fetch(accessUrls[0] ?? '').then((one) => one.text())

    await appaloft.resources.remove('res_shop')
    return answer
  } finally {
    await appaloft.close()
  }
}
