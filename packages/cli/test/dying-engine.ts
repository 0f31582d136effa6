import { join } from 'node:path'
import type { Store } from '@appaloft/core/spec'
import { sqlite } from '@appaloft/store-sqlite'
import { type Composition, compose, type Definition } from './live.js'

// A whole engine in a process of its own, which kills itself: `node dying-engine.js STATEDIR DEFINITION MOMENT COMPOSITION`.
//   before:7  right before the seventh durable write    after:7  right after it    ms:300  after so many milliseconds
//   never     goes to its end and prints how many there were
const [stateDir = '', definition = '', moment = 'never', on = 'process'] = process.argv.slice(2)
const [when, number] = moment.split(':')
const die = () => process.kill(process.pid, 'SIGKILL')
let writes = 0

const store = sqlite({ path: join(stateDir, 'appaloft.db') })
/** Every durable write is a journal boundary. */
const counted =
  <A extends unknown[], R>(write: (...given: A) => Promise<R>, counts: (...given: A) => boolean = () => true) =>
  async (...given: A): Promise<R> => {
    if (!counts(...given)) return write(...given)
    writes += 1
    if (when === 'before' && writes === Number(number)) die()
    const result = await write(...given)
    if (when === 'after' && writes === Number(number)) die()
    return result
  }
const watched: Store = {
  ...store,
  createDeployment: counted(store.createDeployment),
  acquireLease: counted(store.acquireLease),
  commit: counted(store.commit, (input) => input.durable !== false),
}
if (when === 'ms') setTimeout(die, Number(number))

const { appaloft } = compose(stateDir, on as Composition, watched)
const handle = await appaloft.deployments.create({ resource: JSON.parse(definition) as Definition })
await handle.done
await appaloft.close()
console.log(writes)
