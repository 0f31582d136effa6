import { describe, expect, it } from 'vitest'
import { checkRef, parseGitUrl, parseSubmoduleUrl } from './gitUrl.js'

const codeOf = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    return (error as { code: string }).code
  }
  return null
}

describe('parseGitUrl', () => {
  it.each([
    ['https://Git.Example.com:443/a/b.git', 'https', 'https://git.example.com/a/b.git', 'b'],
    ['https://git.example.com:8443/b', 'https', 'https://git.example.com:8443/b', 'b'],
    ['https://[::1]:1/a b/c', 'https', 'https://[::1]:1/a%20b/c', 'c'],
    ['ssh://git@git.example.com/a/b.git', 'ssh', 'ssh://git@git.example.com/a/b.git', 'b'],
    ['ssh://git.example.com:22022/~/b', 'ssh', 'ssh://git.example.com:22022/~/b', 'b'],
    ['git@git.example.com:a/b.git', 'ssh', 'git@git.example.com:a/b.git', 'b'],
    ['host:b/', 'ssh', 'host:b/', 'b'],
    ['/srv/git/b.git', 'file', '/srv/git/b.git', 'b'],
    ['file:///srv/g%20it/b', 'file', '/srv/g it/b', 'b'],
    ['./x/../b', 'file', `${process.cwd()}/b`, 'b'],
    ['/srv/$(id);`x` "y"', 'file', '/srv/$(id);`x` "y"', '$(id);`x` "y"'],
  ])('accepts %s', (text, protocol, url, name) => {
    expect(parseGitUrl(text)).toMatchObject({ protocol, url, name, shown: protocol === 'file' ? null : url })
  })

  it.each([
    'https://user@host/x',
    'https://user:pass@host/x',
    'https://:pass@host/x',
    'https://@host/x',
    'https://token@host:8443/x',
    'ssh://git:pass@host/x',
    'ssh://:pass@host/x',
    'git:pass@host:x',
  ])('refuses credentials: %s', (text) => {
    expect(codeOf(() => parseGitUrl(text))).toBe('credentials-in-url')
  })

  it.each([
    '',
    '--upload-pack=touch /tmp/pwned',
    '-u/x',
    'ext::sh -c id',
    'fd::3',
    'https::https://host/x',
    'http://host/x',
    'git://host/x',
    'ftp://host/x',
    'ssh://-oProxyCommand=id/x',
    'ssh://-oProxyCommand=id@host/x',
    '-oProxyCommand=id:x',
    'git@-oProxyCommand=id:x',
    '-oProxyCommand=id@host:x',
    'git@host:-x',
    'ssh://host/-x',
    'git@host:',
    'https://ho st/x',
    'https://host%0ax/y',
    'https://host/x%0d%0ay',
    'https://host/x\ny',
    'https://host/x?token=1',
    'https://host/x#y',
    'https://-x/y',
    'ssh://ho$(id)st/x',
    'git@ho$(id)st:x',
    '/srv/a\nb',
    'file://otherhost/x',
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseGitUrl(text))).toBe('source-unreadable')
  })

  it('says no password in its error', () => {
    try {
      parseGitUrl('https://user:hunter2@host/x')
      expect.unreachable()
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain('hunter2')
    }
  })
})

describe('parseSubmoduleUrl', () => {
  const https = parseGitUrl('https://host/a/b.git')
  const scp = parseGitUrl('git@host:a/b.git')
  const local = parseGitUrl('/srv/a/b')
  it.each([
    [https, '../c.git', 'https://host/a/c.git'],
    [https, '../../c', 'https://host/c'],
    [https, './c', 'https://host/a/b.git/c'],
    [https, 'https://other/x', 'https://other/x'],
    [scp, '../c', 'git@host:a/c'],
    [scp, '../../c', 'git@host:c'],
    [local, '../c', '/srv/a/c'],
    [local, '/srv/x', '/srv/x'],
  ])('%j and %s', (parent, text, url) => {
    expect(parseSubmoduleUrl(text, parent).url).toBe(url)
  })
  it.each([
    [https, '/etc'],
    [https, 'file:///etc'],
    [https, 'relative'],
    [https, '../../../x'],
    [https, '../../../../x'],
    [https, 'ext::sh'],
    [https, '-u'],
    [scp, '/etc'],
    [scp, '../../../../x'],
    [local, 'relative'],
  ])('refuses %j and %s', (parent, text) => {
    expect(codeOf(() => parseSubmoduleUrl(text, parent))).toBe('source-unreadable')
  })
})

describe('checkRef', () => {
  it.each(['main', 'HEAD', 'v1.2.3', 'feature/x-y_z', 'refs/heads/main', 'ü', '$(id)', ';x', 'a@b', 'a"b', 'a.lockx'])(
    'accepts %s',
    (ref) => {
      expect(checkRef(ref)).toBe(ref)
    },
  )
  it.each([
    '',
    '-x',
    '--upload-pack=id',
    '+main',
    'a:b',
    '^main',
    'main^',
    'main~1',
    'a..b',
    'a b',
    'a\nb',
    'a\0b',
    '@',
    '@{u}',
    'x@{1}',
    'a*',
    'a?',
    'a[',
    'a\\b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.',
    'a.lock',
    'a.lock/b',
    'x'.repeat(2000),
  ])('refuses %j', (ref) => {
    expect(codeOf(() => checkRef(ref))).toBe('git-ref-not-found')
  })
})
