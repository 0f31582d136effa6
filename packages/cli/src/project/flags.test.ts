import { execFileSync } from 'node:child_process'
import { type ResourceDefinition, resourceDefinitionSchema } from '@appaloft/core/spec'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { typed } from '../output/ways.js'
import { addProfileFlags, applyFlags, hasProfileFlags, type ProfileFlags } from './flags.js'
import { longOf, profileFlags } from './profile-flags.js'

const bare: ResourceDefinition = { source: { kind: 'local-folder', path: '/app' } }
const parsed = (...argv: string[]): ProfileFlags =>
  addProfileFlags(new Command().exitOverride().configureOutput({ writeErr: () => {} }))
    .parse(argv, { from: 'user' })
    .opts<ProfileFlags>()
const at = (definition: object, field: string): unknown =>
  field.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], definition)

/** What a person would give. */
const samples: Record<string, string> = {
  'access.hostnames': 'a.example.com',
  'runtime.buildArgs': 'LEVEL=two words',
  'runtime.composeFiles': 'deploy/compose.yaml',
  'runtime.startCommand': "node 'a b.js'",
  'access.pathPrefix': '/shop',
  'health.path': '/up',
  'health.expectedStatus': '204',
}
const exampleOf = ({ field, choices, parse }: (typeof profileFlags)[number]): string =>
  samples[field] ?? choices?.[0] ?? (parse ? '2' : 'name')

describe('flags of the profile', () => {
  it.each(profileFlags.map((flag) => [longOf(flag), flag] as const))('%s sets its field', (long, flag) => {
    const argv = flag.sets === undefined ? [long, exampleOf(flag)] : [long]
    const flags = parsed(...argv)
    expect(hasProfileFlags(flags)).toBe(true)
    const definition = resourceDefinitionSchema.parse(applyFlags(bare, flags))
    const value = at(definition, flag.field)
    if (flag.sets !== undefined) expect(value).toBe(flag.sets)
    else if (flag.many === 'list') expect(value).toEqual([exampleOf(flag)])
    else if (flag.many === 'pairs') expect(value).toEqual({ LEVEL: 'two words' })
    else expect(String(value)).toBe(exampleOf(flag))
    const others = Object.keys(definition).filter((name) => !['source', flag.field.split('.')[0]].includes(name))
    expect(others).toEqual([])
  })

  it('sets nothing that is not given, and leaves what the file says beside it', () => {
    expect(hasProfileFlags(parsed())).toBe(false)
    expect(applyFlags(bare, parsed())).toEqual(bare)
    const file: ResourceDefinition = {
      ...bare,
      runtime: { overlap: false, buildArgs: { A: '1', B: '2' }, buildCommand: 'make' },
      health: { path: '/' },
    }
    const before = structuredClone(file)
    const flags = parsed('--build-arg', 'B=3', '--build-arg', 'C=a=b', '--build', 'make all', '--health-status', '204')
    expect(applyFlags(file, flags)).toEqual({
      ...file,
      runtime: { overlap: false, buildArgs: { A: '1', B: '3', C: 'a=b' }, buildCommand: 'make all' },
      health: { path: '/', expectedStatus: 204 },
    })
    expect(file).toEqual(before)
  })

  it.each([
    ['--port', '0'],
    ['--replicas', 'two'],
    ['--exposure', 'everywhere'],
    ['--build-arg', 'LEVEL'],
    ['--dockerfile', ''],
  ])('refuses %s %j', (...argv) => {
    expect(() => applyFlags(bare, parsed(...argv))).toThrow()
  })
})

describe('what a reason says to type', () => {
  it.each(profileFlags.map((flag) => [flag.field, flag] as const))('for %s is read back as it was', (field, flag) => {
    const example = flag.sets !== undefined ? String(flag.sets) : flag.many === 'pairs' ? 'two words' : exampleOf(flag)
    const profileField = flag.many === 'pairs' ? `${field}.LEVEL` : field
    const text = typed({ action: '', profileField, example }) ?? ''
    // As a shell takes it apart.
    const argv = execFileSync('/bin/sh', ['-c', `for word in ${text}; do printf '%s\\0' "$word"; done`], {
      encoding: 'utf8',
    })
    const value = at(applyFlags(bare, parsed(...argv.split('\0').slice(0, -1))), profileField)
    expect(String(Array.isArray(value) ? value[0] : value)).toBe(example)
  })

  it.each([
    ['health.retries', '3', 'appaloft.config.json: { "health": { "retries": 3 } }'],
    ['network.honoursPort', 'true', 'appaloft.config.json: { "network": { "honoursPort": true } }'],
    [
      'environment.TOKEN.scope',
      'runtime',
      'appaloft.config.json: { "environment": { "TOKEN": { "scope": "runtime" } } }',
    ],
    ['environment.LEVEL.value', undefined, '--env LEVEL=…'],
    ['environment', 'NPM_TOKEN', '--secret NPM_TOKEN'],
    ['source.gitRef', 'main', '--ref main'],
    ['source.image', 'ghcr.io/acme/web:1', 'docker://ghcr.io/acme/web:1'],
    ['runtime.buildTarget', undefined, null],
  ])('for %s', (profileField, example, expected) => {
    expect(typed({ action: '', profileField, ...(example === undefined ? {} : { example }) })).toBe(expected)
  })
})
