import { describe, expect, it } from 'vitest'
import { readLines } from './lines.js'

const texts = (file: string) => readLines(file).lines.map(({ line, text }) => [line, text])

describe('lines', () => {
  it('joins what is continued, with comments and empty lines in between', () => {
    expect(texts('FROM a\nRUN one && \\\n  # two\n\n  three \\  \n four\nCMD a\\\\\nEXPOSE 1')).toEqual([
      [1, 'FROM a'],
      [2, 'RUN one &&   three  four'],
      [7, 'CMD a\\\\'],
      [8, 'EXPOSE 1'],
    ])
  })

  it('reads directives before everything else only', () => {
    expect(readLines('# syntax = docker/dockerfile:1\n#escape=`\nFROM a')).toMatchObject({
      escape: '`',
      syntax: 'docker/dockerfile:1',
    })
    expect(readLines('#!/usr/bin/env docker\n# ESCAPE=`\nFROM a').escape).toBe('`')
    for (const before of ['\n', '# a comment\n', 'FROM a\n'])
      expect(readLines(`${before}# escape=\`\n`).escape).toBe('\\')
    expect(readLines('# escape=x\nFROM a').faults).toHaveLength(1)
    expect(readLines('# escape=`\n# escape=`\nFROM a').faults).toHaveLength(1)
  })

  it.each([
    ['RUN <<EOF\nEXPOSE 1\nEOF'],
    ['RUN <<"EOF"\nEXPOSE 1\nEOF'],
    ['RUN <<-EOF\nEXPOSE 1\n\t\tEOF'],
    ['RUN cat <<A 3<<B >x\nEXPOSE 1\nA\nEXPOSE 2\nB'],
    ['COPY --chown=1 <<a.sh b /x\nEXPOSE 1\na.sh'],
    ['ONBUILD ADD <<E /x\nEXPOSE 1\nE'],
    ['run cat << EOF\nEXPOSE 1\nEOF'],
  ])('passes over the here-document of %j', (file) => {
    const { lines, faults } = readLines(`${file}\nEXPOSE 8080`)
    expect(lines).toHaveLength(2)
    expect(faults).toEqual([])
  })

  it.each([
    ['CMD cat <<EOF'],
    ['RUN ["a", "<<EOF"]'],
    ['RUN cat <<<EOF'],
    ['RUN echo $((1<<2))'],
    ['RUN echo "<<EOF"'],
  ])('sees none in %s', (row) => {
    expect(texts(`${row}\nEXPOSE 1`)).toHaveLength(2)
  })

  it('says where one has no end', () => {
    expect(readLines('FROM a\nRUN <<EOF\n EOF\n').faults).toMatchObject([{ line: 2, fix: 'EOF' }])
  })
})
