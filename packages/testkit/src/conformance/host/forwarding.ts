import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { ForwardTarget } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { type HostFactory, hostCase, type Machine, rejectedWith } from './machine.js'

/** What comes until the other side hangs up. */
const heard = (address: ForwardTarget): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = address.kind === 'tcp' ? connect(address.port, address.host) : connect(address.path)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })

const forwarded = (kind: ForwardTarget['kind']) => async (machine: Machine) => {
  const served = await machine.subject.serve(kind)
  try {
    const first = await machine.within(machine.host.forward(served.address))
    const second = await machine.within(machine.host.forward(served.address))
    const answers = Promise.all([heard(first.address), heard(first.address), heard(second.address)])
    assert.deepEqual(await machine.within(answers), [served.text, served.text, served.text])
    await first.close()
    await first.close()
    assert.equal(await machine.within(heard(second.address)), served.text)
    await second.close()
  } finally {
    await served.close()
  }
}

export const forwardingCases: readonly ConformanceCase<HostFactory>[] = [
  hostCase('host.forward.tcp', 'a port answers from here, several times and for several callers', forwarded('tcp')),
  hostCase('host.forward.unix', 'a socket answers from here', forwarded('unix'), ['unix']),
  hostCase(
    'host.forward.itself',
    'on this machine the address is the given one',
    async ({ host }) => {
      const addresses: ForwardTarget[] = [
        { kind: 'tcp', host: '127.0.0.1', port: 4321 },
        { kind: 'unix', path: '/run/some.sock' },
      ]
      for (const given of addresses) {
        const { address, close } = await host.forward(given)
        assert.deepEqual(address, given)
        await close()
      }
    },
    ['local'],
  ),
  hostCase('host.forward.abort', 'an abort that came before forwards nothing', async ({ host }) => {
    const reason = new Error('too late')
    const nowhere = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const
    await rejectedWith(host.forward(nowhere, { signal: AbortSignal.abort(reason) }), reason)
  }),
]
