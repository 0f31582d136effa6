import { sampleEvent, sampleId } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import type { DeploymentEvent } from '../spec/events.js'
import { createBus } from './bus.js'

const id = sampleId('dep', 1)
const event = (sequence: number): DeploymentEvent => ({ ...sampleEvent(), deploymentId: id, sequence })

it('what was written later is told later, also where the answer to the earlier write comes last', () => {
  const bus = createBus()
  const told: number[] = []
  bus.on('event', ({ sequence }) => told.push(sequence))
  const slow = bus.hold(id)
  const quick = bus.hold(id)
  bus.emit([event(3)])
  quick()
  bus.emit([{ ...event(1), deploymentId: sampleId('dep', 2) }])
  expect(told).toEqual([1])
  bus.emit([event(1), event(2)])
  slow()
  expect(told).toEqual([1, 1, 2, 3])
  bus.emit([event(4)])
  expect(told).toEqual([1, 1, 2, 3, 4])
})
