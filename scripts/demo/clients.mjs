// Busy users: each asks again as soon as it was answered, and every answer is counted by the release that gave it.
import { Agent, request } from 'node:http'
import { say } from './print.mjs'

/** Half of the clients keep their connection, half open one for each request. */
export function startClients(url, { keepAlive, fresh }) {
  const byDeployment = new Map()
  const failed = []
  let total = 0
  let stopped = false

  const client = async (agent) => {
    while (!stopped) {
      const { problem, deployment } = await ask(url, agent)
      total += 1
      if (problem !== undefined) failed.push(problem)
      else byDeployment.set(deployment, (byDeployment.get(deployment) ?? 0) + 1)
      // A pause that keeps this machine free for the deployment itself.
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    agent.destroy()
  }
  const running = [
    ...Array.from({ length: keepAlive }, () => client(new Agent({ keepAlive: true, maxSockets: 1 }))),
    ...Array.from({ length: fresh }, () => client(new Agent({ keepAlive: false }))),
  ]
  const of = (counts) => (id) => counts.get(id) ?? 0

  return {
    of: of(byDeployment),
    /** The counts as they are now. */
    count: () => ({ of: of(new Map(byDeployment)) }),
    failed: () => failed,
    /** Resolves after so many more answers. */
    async answers(count) {
      const wanted = total + count
      while (total < wanted && !stopped) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    async stop() {
      stopped = true
      await Promise.all(running)
    },
    show(names) {
      say('')
      say(`Answers by the release that gave them (${keepAlive} clients with keep-alive, ${fresh} without):`)
      for (const [id, name] of Object.entries(names))
        say(`  ${String(of(byDeployment)(id)).padStart(6)}  ${id}  ${name}`)
      for (const [id, count] of byDeployment) if (!(id in names)) say(`  ${String(count).padStart(6)}  ${id}`)
      say(`  ${String(failed.length).padStart(6)}  failed`)
      for (const problem of failed.slice(0, 5)) say(`          ${problem}`)
    },
  }
}

/** One request. A failure is everything but a whole answer below 500 that says who gave it. */
function ask(url, agent) {
  return new Promise((resolve) => {
    const asked = request(url, { agent, timeout: 10_000 }, (answer) => {
      const deployment = answer.headers['x-appaloft-deployment']
      answer.on('error', (error) => resolve({ problem: error.message }))
      answer.on('end', () => {
        if (!answer.complete) resolve({ problem: 'cut off' })
        else if (answer.statusCode >= 400) resolve({ problem: `status ${answer.statusCode}` })
        else if (deployment === undefined) resolve({ problem: 'no identity' })
        else resolve({ deployment })
      })
      answer.resume()
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')))
    asked.on('error', (error) => resolve({ problem: error.message }))
    asked.end()
  })
}
