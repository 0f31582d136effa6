import process from 'node:process'
import { startProxyDaemon } from '@appaloft/proxy-embedded/daemon'
import { runKeeper } from './keeper.js'
import { runProxy } from './proxy.js'
import { runStatic } from './static.js'

// One file, bundled with everything it needs, runs every role: `node keeper.js ROLE STATEDIR`.
const [role, stateDir = ''] = process.argv.slice(2)
process.title = `appaloft-${role}`
process.on('SIGHUP', () => undefined)

const roles: Record<string, () => Promise<void>> = {
  keeper: () => runKeeper(stateDir),
  proxy: () => runProxy(stateDir, startProxyDaemon),
  static: () => runStatic(stateDir),
}
const run = roles[role ?? '']
if (run === undefined || stateDir === '') {
  console.error('usage: keeper.js keeper|proxy|static STATEDIR')
  process.exitCode = 2
} else {
  run().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}
