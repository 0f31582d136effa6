// `npm run bench`, after `npm run build`: what things cost, each beside a floor of the same machine in the same run.
//   --runs 15           how often each release is made
//   --only releases     only these, with commas between
//   --trace             where a release's time goes, event by event
import { parseArgs } from 'node:util'
import { docker } from './bench/docker.mjs'
import { engine } from './bench/engine.mjs'
import { failures } from './bench/failures.mjs'
import { imports } from './bench/imports.mjs'
import { observation } from './bench/observation.mjs'
import { planning } from './bench/planning.mjs'
import { releases } from './bench/releases.mjs'
import { sshBench } from './bench/ssh.mjs'
import { store } from './bench/store.mjs'
import { uploadBench } from './bench/upload.mjs'

const benches = {
  releases,
  docker,
  ssh: sshBench,
  upload: uploadBench,
  failures,
  imports,
  store,
  engine,
  observation,
  planning,
}
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '15' },
    only: { type: 'string', default: Object.keys(benches).join(',') },
    trace: { type: 'boolean', default: false },
  },
})
console.log(`Medians of ${values.runs}, Node ${process.version}.`)
for (const name of values.only.split(',')) {
  if (benches[name] === undefined) throw new Error(`There is no bench ${name}: ${Object.keys(benches).join(', ')}.`)
  await benches[name]({ runs: Number(values.runs), trace: values.trace })
}
