import { expect, it } from 'vitest'
import type { Engine } from '../api/engine.js'
import { label, Names } from '../names.js'
import { layersThere, shared } from './layers.js'

it('counts the layers that two images begin with', () => {
  expect(shared(['a', 'b', 'c'], ['a', 'b', 'x'])).toBe(2)
  expect(shared(['a', 'b'], ['a', 'b', 'c'])).toBe(2)
  expect(shared(['a', 'b'], ['b', 'a'])).toBe(0)
  expect(shared([], ['a'])).toBe(0)
})

/** An engine with these images: whose they are, and their layers. */
function engineOf(images: { layers: string[]; labels?: Record<string, string>; created?: number }[]) {
  const asked: string[] = []
  const engine = {
    allImages: async () =>
      images.map(({ labels = {}, created = 0 }, at) => ({
        Id: `i${at}`,
        RepoTags: [],
        Labels: labels,
        Created: created,
      })),
    image: async (id: string) => {
      asked.push(id)
      return { RootFS: { Layers: images[Number(id.slice(1))]?.layers ?? [] } }
    },
  } as unknown as Engine
  return { engine, asked }
}

it('finds the image that has most of the layers, and asks for those of the resource first', async () => {
  const own = { [label.scope]: 'main', [label.resource]: 'res_web' }
  const others = Array.from({ length: 20 }, () => ({ layers: ['a'] }))
  const { engine, asked } = engineOf([...others, { layers: ['a', 'b', 'x'] }, { layers: ['a', 'b', 'c'], labels: own }])
  const signal = new AbortController().signal
  expect(await layersThere(engine, new Names('main'), 'res_web', ['a', 'b', 'c'], signal)).toBe(3)
  expect(asked[0]).toBe('i21')
  expect(asked.length).toBeLessThan(10)
  expect(await layersThere(engine, new Names('main'), 'res_web', ['a', 'b', 'y'], signal)).toBe(2)
  expect(await layersThere(engine, new Names('main'), 'res_web', ['z'], signal)).toBe(0)
})
