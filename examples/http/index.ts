import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAppaloft, type Deployment, type Envelope } from '@appaloft/core'
import { bearerToken, createHandler, toNodeListener } from '@appaloft/http'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process } from '@appaloft/target-process'

/** Serves the engine on 127.0.0.1: who has the token may deploy the folders below `apps`. */
export async function serve({ apps, stateDir, token }: { apps: string; stateDir: string; token: string }) {
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [process({ proxy: embedded() })],
    planners: [node(), staticSite()],
  })
  const handler = createHandler(appaloft, {
    authorize: bearerToken(token),
    allowSources: ['local-folder'],
    sourceRoots: [apps],
    hidePaths: [stateDir],
    onError: (error, request) => console.error(request.method, new URL(request.url).pathname, error),
  })
  const server = createServer(toNodeListener(handler))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections() // event streams that follow
      await closed
      await appaloft.close() // releases go on
    },
  }
}

/** Deploys a folder through such a server and follows it to its end. Tells `say` what happens. */
export async function deploy(url: string, token: string, path: string, say: (line: string) => void) {
  const call = async (
    address: string,
    init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers }
    const answer = await fetch(new URL(address, url), { ...init, headers })
    if (answer.ok) return answer
    const { code, message } = (await answer.json()) as { code: string; message: string }
    throw new Error(`${answer.status} ${code}: ${message}`)
  }
  const resource = { id: 'res_hello', source: { kind: 'local-folder', path } }
  const created = await call('/api/deployments', { method: 'POST', body: JSON.stringify({ resource }) })
  const { url: address, eventsUrl } = (await created.json()) as { url: string; eventsUrl: string }

  const events = await call(eventsUrl, { headers: { accept: 'text/event-stream' } })
  for await (const envelope of messages(events)) {
    if (envelope.kind === 'event' && envelope.event.type !== 'log')
      say(`${envelope.event.type} ${envelope.event.step ?? ''}`.trim())
  }
  return (await (await call(address)).json()) as Deployment
}

/** Envelopes out of server-sent events. A browser's EventSource does this, and connects again after a cut. */
async function* messages(answer: Response): AsyncGenerator<Envelope> {
  let text = ''
  for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const whole = (text + part).split('\n\n')
    text = whole.pop() ?? ''
    for (const message of whole) {
      const data = /^data: (.*)$/m.exec(message)?.[1]
      if (data !== undefined) yield JSON.parse(data) as Envelope
    }
  }
}
