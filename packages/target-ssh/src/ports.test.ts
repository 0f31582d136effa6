import type { Host } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { portChecks } from './ports.js'

type PortHolder = Parameters<typeof portChecks>[1]['holders'][number]

const container = (more: Partial<PortHolder>): PortHolder => ({
  ...{ name: 'shop', image: 'nginx:1', ports: [80], ours: null, pid: 0 },
  ...more,
})
const ownCaddy = container({ name: 'appaloft.main.caddy', image: 'sha256:1', ports: null, ours: 'proxy', pid: 12 })
const check = async (stdout: string, ...holders: PortHolder[]) => {
  const host = { exec: async () => ({ exitCode: 0, signal: null, stdout, stderr: '' }) } as unknown as Host
  const [found] = await portChecks(host, { ports: [80], holders })
  return `${found?.status}: ${found?.message} ${found?.fix ?? ''}`
}

it.each<[string, string, PortHolder[], RegExp]>([
  ['nobody', '', [], /^passed: Port 80 is free/],
  ['our Caddy', 'listen 80 0\nholder 80 12 caddy\n', [ownCaddy], /^passed: Caddy’s container appaloft\.main\.caddy/],
  ['what this user may not see, beside our Caddy', 'listen 80 1000\n', [ownCaddy], /^passed: Somebody listens/],
  ['what this user may not see', 'listen 80 33\n', [], /^warning: .*user 33.*ss -ltnp/],
  ['a Caddy of the machine', 'listen 80 998\nholder 80 7 caddy\n', [], /^passed: Caddy \(process 7\)/],
  ['a Caddy in a container', 'listen 80 0\n', [container({ image: 'caddy:2' })], /^passed: The container shop/],
  [
    'a program',
    'listen 80 0\nholder 80 7 nginx\n',
    [ownCaddy],
    /^failed: .*nginx \(process 7\).*systemctl disable --now nginx/,
  ],
  [
    'a container',
    'listen 80 0\nholder 80 7 docker-proxy\n',
    [container({})],
    /^failed: .*container shop.*docker stop shop/,
  ],
  ['a container at another port', 'listen 80 0\nholder 80 7 nginx\n', [container({ ports: [81] })], /^failed: .*nginx/],
])('names %s', async (_, told, holders, expected) => {
  expect(await check(told, ...holders)).toMatch(expected)
})
