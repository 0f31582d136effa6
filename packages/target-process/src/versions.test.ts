import { expect, it } from 'vitest'
import { versionFits } from './versions.js'

it.each([
  ['20', true],
  ['20.x', true],
  ['v20.11.1', true],
  ['20.12', false],
  ['18', false],
  ['>=18', true],
  ['>= 18.0.0 <21', true],
  ['>=18 <20', false],
  ['>20', false],
  ['<=20', true],
  ['^20.1', true],
  ['^20.12', false],
  ['~20.11.0', true],
  ['~20.10', false],
  ['18 || 20', true],
  ['16 || 18', false],
  ['18 - 20', true],
  ['18 - 19', false],
  ['*', true],
  ['', true],
  ['latest', true],
  ['lts/iron', null],
  ['18 || lts/iron', null],
])('20.11.1 for %j: %s', (range, fits) => {
  expect(versionFits('v20.11.1', range)).toBe(fits)
})
