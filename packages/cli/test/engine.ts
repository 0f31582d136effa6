import { compose, type Definition } from './live.js'

/**
 * A whole engine in a process of its own that kills itself where it is told: `node engine.js STATEDIR DEFINITION MOMENT`. A moment is
 * `TYPE/PLACE` of an event, or `swapped`: the proxy has moved the traffic, and nobody has written that down.
 */
const [stateDir = '', definition = '', moment = ''] = process.argv.slice(2)
const [type, where] = moment.split('/')
const die = () => process.kill(process.pid, 'SIGKILL')
const { appaloft, target } = compose(stateDir)
const { proxy } = target
if (type === 'swapped' && proxy !== null) {
  const apply = proxy.apply.bind(proxy)
  let staged: string | undefined
  proxy.apply = async (resourceId, table, ...rest) => {
    await apply(resourceId, table, ...rest)
    staged = table.staged?.deploymentId ?? staged
    if (staged !== undefined && table.live?.deploymentId === staged) die()
  }
}
const handle = await appaloft.deployments.create(
  { resource: JSON.parse(definition) as Definition },
  {
    onEvent: (event) => {
      const place = event.step ?? event.data.check ?? event.phase
      if (event.type === type && (where === undefined || place === where)) die()
    },
  },
)
await handle.done
await appaloft.close()
