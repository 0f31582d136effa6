import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy } from '@appaloft/target-process'
import { shop } from './compose-project.js'
import { listen, say } from './programs.js'

// Deploys a Compose project, and says what happens, until it is killed.

const [folder = '', scope = '', cli = ''] = process.argv.slice(2)

listen({
  async deploy({ secret }) {
    const appaloft = createAppaloft({
      store: sqlite({ path: join(folder, 'state/appaloft.db') }),
      stateDir: join(folder, 'state'),
      planners: [compose()],
      targets: [docker({ cli, scope, pull: 'missing', proxy: embedded(), proxyContext: keptProxy })],
    })
    const handle = await appaloft.deployments.create(
      {
        resource: shop(folder, String(secret)),
      },
      { onEvent: (event) => say('event', { type: event.type, message: event.message }) },
    )
    say('begun', { id: handle.id })
    const { status, failure } = await handle.done
    say('ended', { status, failure })
  },
})
say('ready')
