import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, ms, repeat, row, times, title } from './measure.mjs'

/** Where core's own dependencies are found. */
const cwd = fileURLToPath(new URL('../../packages/core', import.meta.url))

/** How long an import takes in a process of its own, its start left out. */
const importing = (name) => {
  const script = `const started = performance.now(); await import('${name}'); console.log(performance.now() - started)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd, encoding: 'utf8' }))
}

/** What it costs to have core at hand, beside the one large thing that it is made with: one of each, in turn. */
export async function imports({ runs }) {
  importing('@appaloft/core')
  const found = await repeat(runs, () => ({ core: importing('@appaloft/core'), zod: importing('zod') }))
  const core = median(found.map((one) => one.core))
  const zod = median(found.map((one) => one.zod))
  title('Imports')
  row('zod', ms(zod))
  row('@appaloft/core', `${ms(core)}, ${times(core / zod)} zod`)
}
