// Started beside an engine: when the process that started it is gone, however it went, this ends the engine and then itself.
import { endEngine } from './engine.mjs'

const [, , folder] = process.argv
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
process.stdin.resume()
process.stdin.on('error', () => undefined)
process.stdin.on('close', async () => {
  // The owner may be about to end it itself.
  await endEngine(folder)
  process.exit(0)
})
