import process from 'node:process'
import { it } from 'vitest'
import { apps } from '../test/frameworks/apps.js'
import { AppFailed, deployApp } from '../test/frameworks/deploy.js'
import { keyOf, readEntry, writeEntry } from '../test/frameworks/record.js'

// Real applications, each installed from the registry, built, started and asked. `npm run test:frameworks` runs this: some by their names,
// the others of an unchanged run that was cut are not run again.

const { APPALOFT_FRAMEWORKS: names, APPALOFT_FRAMEWORKS_AGAIN: again } = process.env
const chosen = names ? apps.filter((app) => names.split(',').includes(app.name)) : apps

it.for(chosen)('$name', async (app, { signal }) => {
  const key = keyOf(app)
  const before = readEntry(app.name)
  if (again !== '1' && before?.passed === true && before.key === key) {
    console.log(`${app.name}: passed at ${before.at}, and nothing has changed since`)
    return
  }
  const at = new Date().toISOString()
  try {
    const deployed = await deployApp(app, signal)
    writeEntry(app.name, { key, passed: true, at, deployed })
  } catch (error) {
    const { step, lastLogs } = error instanceof AppFailed ? error : { step: 'engine', lastLogs: [] }
    writeEntry(app.name, { key, passed: false, at, failure: { step, message: String(error), lastLogs } })
    throw error
  }
})
