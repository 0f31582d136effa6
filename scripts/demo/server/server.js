import { readFileSync } from 'node:fs'
import express from 'express'

const { version, healthy } = JSON.parse(readFileSync(new URL('./release.json', import.meta.url), 'utf8'))
const app = express()

app.get('/healthz', (_request, response) => {
  if (healthy) response.json({ ok: true })
  else response.status(500).json({ ok: false, reason: 'cannot reach the stables' })
})

// One request in twenty takes its time, so that a switch always meets requests in flight.
app.get('/', async (_request, response) => {
  if (Math.random() < 0.05) await new Promise((resolve) => setTimeout(resolve, 200))
  response.json({ version })
})

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`version ${version} listens`))
process.on('SIGTERM', () => server.close())
