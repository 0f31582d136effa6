// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how Dockerfiles write variables
import { describe, expect, it } from 'vitest'
import { expand, Unexpandable } from './expand.js'
import { limits } from './options.js'

const values: Record<string, string | null> = {
  A: '80',
  EMPTY: '',
  TWO: '1 2',
  HOST: '0.0.0.0:8080',
  HIDDEN: null,
  E: 'é',
}
const lookup = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined)
const text = (given: string, escape = '\\') => expand(given, lookup, escape).text

// Each was seen to come out of BuildKit the same way.
describe('expand', () => {
  it.each([
    ['$A', '80'],
    ['${A}/tcp', '80/tcp'],
    ['a$A-b', 'a80-b'],
    ['$AB', ''],
    ['$NONE', ''],
    ['${NONE:-81}', '81'],
    ['${EMPTY:-81}', '81'],
    ['${EMPTY-81}', ''],
    ['${NONE-81}', '81'],
    ['${A:-81}', '80'],
    ['${A:+82}', '82'],
    ['${EMPTY:+82}', ''],
    ['${EMPTY+82}', '82'],
    ['${NONE+82}', ''],
    ['${NONE:-${EMPTY:-83}}', '83'],
    ['${NONE:-"8 4"}', '8 4'],
    ['${A:?must be}', '80'],
    ['${HOST#*:}', '8080'],
    ['${HOST##*.}', '0:8080'],
    ['${HOST%:*}', '0.0.0.0'],
    ['${HOST%%.*}', '0'],
    ['${HOST#x}', '0.0.0.0:8080'],
    ['"$A"', '80'],
    ["'$A'", '$A'],
    ['\\$A', '$A'],
    ['"a\\"b\\n"', 'a"b\\n'],
    ['$', '$'],
    ['a$ b', 'a$ b'],
    ['${E}', 'é'],
  ])('%s is %s', (given, expected) => {
    expect(text(given)).toBe(expected)
  })

  it('takes the escape character of the file', () => {
    expect(text('`$A', '`')).toBe('$A')
    expect(text('c:\\$A', '`')).toBe('c:\\80')
  })

  it.each([
    ['$TWO', ['1', '2']],
    ['"$TWO" 3', ['1 2', '3']],
    ['a$TWO', ['a1', '2']],
    ['""', []],
    ['$EMPTY', []],
    [' a  b\t', ['a', 'b']],
    ['a\\ b', ['a b']],
  ])('%s has the words %j', (given, words) => {
    expect(expand(given, lookup, '\\').words).toEqual(words)
  })

  it.each([
    '${A',
    '${',
    '${}',
    '${:-a}',
    '${{A}}',
    '"a',
    "'a",
    '${A:=b}',
    '${A:?',
    '${NONE:?}',
    '${EMPTY:?why}',
    '${A!}',
  ])('refuses %s', (given) => {
    expect(() => expand(given, lookup, '\\')).toThrow(Unexpandable)
  })

  it('names what has no value', () => {
    expect(expand('$NONE ${OTHER} ${NONE:-a} $A', lookup, '\\').unset).toEqual(['NONE', 'OTHER'])
  })

  it('says where only the build knows', () => {
    const unknown = (given: string) => expand(given, lookup, '\\').unknown
    expect(['$HIDDEN', '${HIDDEN:-a}', '${HIDDEN-a}', '${HIDDEN:+a}', '${HIDDEN:?}'].map(unknown)).toEqual(
      Array(5).fill(true),
    )
    // That it is set is known, and a word that is not put in does not count.
    expect(['${HIDDEN+a}', '${A:-$HIDDEN}', '${NONE:+$HIDDEN}'].map(unknown)).toEqual([false, false, false])
    expect(['${NONE:-$HIDDEN}', '${A/8/9}'].map(unknown)).toEqual([true, true])
  })

  it('does not follow values without end', () => {
    const long = 'x'.repeat(limits.valueLength)
    const doubling = () => long
    for (const given of ['$A$A', '"$A$A"', '${NONE:-$A$A}'])
      expect(expand(given, doubling, '\\')).toMatchObject({ words: [] })
    expect(expand('$A$A', doubling, '\\').unknown).toBe(true)
    expect(() => expand('${A:-'.repeat(50), lookup, '\\')).toThrow(/nested/)
  })
})
