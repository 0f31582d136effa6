import { expect, it } from 'vitest'
import { readBuild } from './options.js'

it('reads where images are made', () => {
  expect(readBuild(undefined)).toBeNull()
  expect(readBuild('remote')).toBeNull()
  expect(readBuild('local')).toEqual({ repository: null })
  expect(readBuild({ context: 'other' })).toEqual({ context: 'other', repository: null })
  expect(readBuild({ registry: 'registry.example.com/team/releases', host: 'unix:///run/docker.sock' })).toEqual({
    host: 'unix:///run/docker.sock',
    repository: { registry: 'registry.example.com', name: 'registry.example.com/team/releases' },
  })
  expect(readBuild({ registry: 'localhost:5000/team' })?.repository?.registry).toBe('localhost:5000')
})

it.each([
  ['faraway', /build is remote, local/],
  [{ registry: '' }, /build is remote, local/],
  [{ somewhere: 'x' }, /build is remote, local/],
  [{ registry: 'registry.example.com' }, /a repository with its registry/],
  [{ registry: 'team/releases' }, /a repository with its registry/],
  [{ registry: 'registry.example.com/team:1' }, /without a tag/],
  [{ registry: 'https://registry.example.com/team' }, /scheme/],
  [{ registry: 'robot:secret@registry.example.com/team' }, /credentials/],
])('refuses %j', (build, message) => {
  expect(() => readBuild(build)).toThrow(message)
})
