import { compose, type Definition } from './live.js'

// A whole engine in a process of its own that kills itself where it is told: `node engine.js STATEDIR DEFINITION TYPE/PLACE`.
const [stateDir = '', definition = '', moment = ''] = process.argv.slice(2)
const [type, where] = moment.split('/')
const { appaloft } = compose(stateDir)
const handle = await appaloft.deployments.create(
  { resource: JSON.parse(definition) as Definition },
  {
    onEvent: (event) => {
      const place = event.step ?? event.data.check ?? event.phase
      if (event.type === type && (where === undefined || place === where)) process.kill(process.pid, 'SIGKILL')
    },
  },
)
await handle.done
await appaloft.close()
