import { attempt, call } from './shell.mjs'

/*
 * Each engine has a bridge and an address range of its own, and lets Docker touch no firewall: two engines with rules of their own would
 * undo each other's. One rule lets containers out; published ports go through Docker's own relay.
 */

const first = 201
const last = 250
const comment = (number) => `appaloft-engine-${number}`
const rule = (number) => [
  ...['POSTROUTING', '-s', `10.${number}.0.0/16`, '!', '-d', `10.${number}.0.0/16`],
  ...['-m', 'comment', '--comment', comment(number), '-j', 'MASQUERADE'],
]

/** Takes a number that nobody has: making the bridge decides. */
export async function claimNetwork(env, note) {
  const routes = (await attempt('ip', ['-4', 'route', 'show', 'table', 'all'], { env })) ?? ''
  for (let number = first; number <= last; number += 1) {
    if (new RegExp(`\\b10\\.${number}\\.`).test(routes)) continue
    const bridge = `aplt${number}`
    // Noted before it is made: whoever finds the note after a crash may remove it.
    note({ network: number })
    if ((await attempt('ip', ['link', 'add', bridge, 'type', 'bridge'], { env })) === null) continue
    await call('ip', ['addr', 'add', `10.${number}.0.1/20`, 'dev', bridge], { env })
    await call('ip', ['link', 'set', bridge, 'up'], { env })
    await call('iptables', ['-w', '-t', 'nat', '-A', ...rule(number)], { env })
    return { number, bridge, pool: `base=10.${number}.128.0/17,size=24` }
  }
  note({ network: null })
  throw new Error(`the networks 10.${first}.0.0 to 10.${last}.0.0 are all in use`)
}

/** The bridge, those that Docker made in its range, and the rule. */
export async function releaseNetwork(number, env) {
  const links = JSON.parse((await attempt('ip', ['-j', '-4', 'addr', 'show'], { env })) ?? '[]')
  const ours = links.filter(({ addr_info: addresses = [] }) =>
    addresses.some(({ local }) => local?.startsWith(`10.${number}.`)),
  )
  for (const name of new Set([`aplt${number}`, ...ours.map((one) => one.ifname)]))
    await attempt('ip', ['link', 'delete', name, 'type', 'bridge'], { env })
  while ((await attempt('iptables', ['-w', '-t', 'nat', '-D', ...rule(number)], { env })) !== null);
}
