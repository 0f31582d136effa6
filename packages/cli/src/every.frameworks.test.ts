import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, it } from 'vitest'
import { apps } from '../test/frameworks/apps.js'
import { AppFailed, deployApp } from '../test/frameworks/deploy.js'
import { keyOf, readEntry, writeEntry } from '../test/frameworks/record.js'

// Real applications, each installed from the registry, built, started and asked. `npm run test:frameworks` runs this: some by their names;
// what an unchanged run that was cut has passed is not run again.

const { APPALOFT_FRAMEWORKS: names, APPALOFT_FRAMEWORKS_AGAIN: again, APPALOFT_FRAMEWORKS_FOLDER: folder } = process.env
const chosen = names ? apps.filter((app) => names.split(',').includes(app.name)) : apps

// A file that appears there stops the run.
const stop = new AbortController()
const look = () => folder !== undefined && existsSync(join(folder, 'stop')) && stop.abort(new Error('stopped'))
const watcher = folder === undefined ? undefined : watch(folder, look)
afterAll(() => watcher?.close())

it.for(chosen)('$name', async (app, { signal }) => {
  stop.signal.throwIfAborted()
  const key = keyOf(app)
  const before = readEntry(app.name)
  if (again !== '1' && before?.passed === true && before.key === key) {
    console.log(`${app.name}: passed at ${before.at}, and nothing has changed since`)
    return
  }
  const at = new Date().toISOString()
  try {
    const deployed = await deployApp(app, AbortSignal.any([signal, stop.signal]))
    writeEntry(app.name, { key, passed: true, at, deployed })
    console.log(`${app.name}: passed ${JSON.stringify(deployed.seconds)}`)
  } catch (error) {
    stop.signal.throwIfAborted()
    const { step, lastLogs } = error instanceof AppFailed ? error : { step: 'engine', lastLogs: [] }
    writeEntry(app.name, { key, passed: false, at, failure: { step, message: String(error), lastLogs } })
    console.log(`${app.name}: FAILED at ${step}`)
    throw error
  }
})
