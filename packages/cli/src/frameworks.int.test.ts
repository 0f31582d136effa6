import { expect, it } from 'vitest'
import { apps } from '../test/frameworks/apps.js'
import { deployApp } from '../test/frameworks/deploy.js'

// The quick ones of `npm run test:frameworks`, in every run.
const quick = apps.filter((app) => app.everyRun)

it('is a handful', () => expect(quick.length).toBeGreaterThanOrEqual(4))

it.for(quick)('$name is installed, built, started and answers', { timeout: 180_000 }, async (app, { signal }) => {
  const { seconds } = await deployApp(app, signal)
  expect(seconds.install).toBeGreaterThan(0)
})
