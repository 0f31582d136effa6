import { adoptCases } from './store/adopt.js'
import { commitCases } from './store/commit.js'
import { createCases } from './store/create.js'
import { eventCases } from './store/events.js'
import type { StoreSubject } from './store/kit.js'
import { leaseCases } from './store/leases.js'
import { recordCases } from './store/records.js'
import { resourceCases } from './store/resources.js'
import { sharingCases } from './store/sharing.js'
import type { ConformanceCase } from './suite.js'

export { type StoreSubject, storeAbilities } from './store/kit.js'

/** What every store promises. Run those that apply: `applicable(storeConformance, storeAbilities(store))`. */
export const storeConformance: ConformanceCase<StoreSubject>[] = [
  ...resourceCases,
  ...createCases,
  ...commitCases,
  ...eventCases,
  ...leaseCases,
  ...recordCases,
  ...adoptCases,
  ...sharingCases,
]
