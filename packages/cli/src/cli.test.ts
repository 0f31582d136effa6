import { AppaloftError } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { aDeployment, deploymentId, world } from '../test/support.js'

describe('the command line', () => {
  it('prints version and help without making an engine', async () => {
    const w = world()
    expect(await w.run('--version')).toBe(0)
    expect(w.stdout.text).toMatch(/^\d+\.\d+\.\d+/)
    expect(await w.run('--help')).toBe(0)
    for (const name of ['init', 'plan', 'up|deploy', 'deployments', 'down', 'doctor']) {
      expect(w.stdout.text).toContain(name)
    }
    expect(w.stdout.text).toContain('Exit codes:')
    expect(w.composed).toEqual([])
  })

  it.each([
    ['an unknown flag', ['up', '--hostnam', 'x'], /unknown option '--hostnam'.*--hostname/s],
    ['an unknown command', ['depoly'], /unknown command 'depoly'.*deploy/s],
    ['no command', [], /Commands:.*up\|deploy.*Exit codes:.*No command given/s],
    ['a group without a command', ['deployments'], /Commands:.*rollback.*No command given/s],
    ['a missing argument', ['deployments', 'show'], /missing required argument 'id'/],
    ['an extra argument', ['doctor', 'now'], /too many arguments/],
    ['a port out of range', ['up', '--port', '70000'], /Not a port/],
    ['a number that is none', ['up', '--drain', 'long'], /Not a whole number/],
  ])('refuses %s with 2', async (_name, argv, expected) => {
    const w = world()
    expect(await w.run(...argv)).toBe(2)
    expect(w.stderr.text).toContain('invalid-input')
    expect(w.stderr.text).toMatch(expected)
    expect(w.composed).toEqual([])
  })

  it('tells a wrong flag as a JSON line with --json', async () => {
    const w = world()
    expect(await w.run('up', '--json', '--nope')).toBe(2)
    expect(w.documents()).toMatchObject([{ kind: 'error', error: { code: 'invalid-input', category: 'input' } }])
    expect(w.stderr.text).toContain('--nope')
  })

  it.each([
    ['deployment-not-found', 4],
    ['invalid-input', 2],
    ['already-terminal', 1],
    ['store-unavailable', 1],
    ['internal-error', 70],
  ] as const)('ends with the exit code of %s', async (code, expected) => {
    const show = async () => {
      throw new AppaloftError(code)
    }
    const w = world({ engine: { deployments: { show } } })
    expect(await w.run('deployments', 'show', deploymentId, '--json')).toBe(expected)
    expect(w.documents()).toMatchObject([{ kind: 'error', error: { code } }])
    expect(w.stderr.text).toContain(code)
    expect(w.closed).toBe(1)
  })

  it('calls what nobody foresaw internal, without its stack', async () => {
    const show = async () => {
      throw new TypeError('x is not a function')
    }
    const w = world({ engine: { deployments: { show } } })
    expect(await w.run('deployments', 'show', deploymentId)).toBe(70)
    expect(w.stderr.text).toContain('internal-error')
    expect(w.stderr.text).not.toContain('    at ')
  })

  it('lists the fields that are wrong', async () => {
    const show = async () => {
      throw new AppaloftError('invalid-input', { details: { issues: [{ path: 'network.port', message: 'unknown' }] } })
    }
    const w = world({ engine: { deployments: { show } } })
    await w.run('deployments', 'show', deploymentId)
    expect(w.stderr.text).toContain('network.port  unknown')
  })

  it('takes the state folder from the flag', async () => {
    const w = world({ engine: { deployments: { show: async () => aDeployment() } } })
    await w.run('deployments', 'show', deploymentId, '--state-dir', '/elsewhere')
    expect(w.composed).toEqual([{ stateDir: '/elsewhere' }])
  })
})
