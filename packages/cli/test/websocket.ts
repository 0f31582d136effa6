import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'

/** For applications that are not below the repository. */
export const wsPackage = createRequire(import.meta.url).resolve('ws')

/** A user of a WebSocket who says something every 50 ms, as text and as bytes, and checks each answer. */
export async function talk(url: string) {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const failures: string[] = []
  /** Who answered, and when for the last time. */
  const by = new Set<string>()
  let lastAt = 0
  let answers = 0
  let closed: { at: number; code: number } | undefined
  socket.on('error', (error) => failures.push(error.message))
  const ended = new Promise<void>((done) => {
    socket.once('close', (code) => {
      closed = { at: performance.now(), code }
      done()
    })
  })
  const [response] = await once(socket, 'upgrade')
  if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
  const opened: unknown = response.headers['x-appaloft-deployment']

  const say = async (count: number) => {
    const [text, bytes] = [`message ${count}`, Buffer.from([count % 256, 0, 255])]
    const heard = new Promise<[text: string, bytes: Buffer]>((done) => {
      socket.once('message', (first: Buffer) => {
        socket.once('message', (second: Buffer) => done([String(first), second]))
      })
    })
    socket.send(text)
    socket.send(bytes)
    const got = await Promise.race([heard, ended.then(() => null), sleep(10_000, 'silent' as const)])
    if (got === null) return
    if (got === 'silent') return void failures.push('no answer in 10 s')
    const [id = '', ...rest] = got[0].split(' ')
    if (rest.join(' ') !== text || !got[1].equals(bytes)) failures.push(`asked ${text}, heard ${got[0]}`)
    by.add(id)
    lastAt = performance.now()
    answers += 1
  }
  const talking = (async () => {
    for (let count = 0; closed === undefined && socket.readyState === WebSocket.OPEN; count++) {
      await say(count)
      await Promise.race([ended, sleep(50)])
    }
  })()
  return {
    /** The deployment that the answer to the upgrade named. */
    opened,
    failures,
    by,
    answers: () => answers,
    lastAt: () => lastAt,
    closed: () => closed,
    ended,
    end: async () => {
      socket.terminate()
      await talking
    },
  }
}
