import { expect, it } from 'vitest'
import { loginHeader } from './credentials.js'

it('hands a login over as the engine reads it, whatever its length', () => {
  expect(loginHeader(null, 'registry.example.com')).toEqual({})
  for (const password of ['a', 'ab', 'abc', '\u00ff\u00fe\u00ff?>']) {
    const login = { username: 'robot', password }
    const { 'x-registry-auth': header = '' } = loginHeader(login, 'registry.example.com')
    // Go's decoder wants whole groups of four.
    expect(header).toMatch(/^(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?$/)
    const told = JSON.parse(Buffer.from(header, 'base64url').toString())
    expect(told).toEqual({ ...login, serveraddress: 'registry.example.com' })
  }
})
