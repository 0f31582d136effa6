import { quick } from './broken.js'
import { type Application, base } from './scene.js'

export const listening = { health: quick, network: { exposure: 'direct-port' as const, internalPort: 3000 } }
export const script = (text: string): Application => ({
  ...listening,
  runtime: { startCommand: ['node', '-e', text] },
})
/** Prints when it answered. */
export const serving = (answer: string, port = '3000', host = ''): Application =>
  script(`const say = () => console.log('at ' + Date.now())
require('http').createServer((q, a) => { ${answer} }).listen(${port}${host})`)
export const built = (files: Record<string, string>, dockerfile: string, rest: Application = {}): Application => ({
  ...listening,
  ...rest,
  files: { ...files, Dockerfile: `FROM ${base}\nEXPOSE 3000\n${dockerfile}\n` },
})
