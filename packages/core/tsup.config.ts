import { library } from '../../scripts/tsup.shared.js'

export default library(
  {
    index: 'src/index.ts',
    'spec/index': 'src/spec/index.ts',
    'hosts/index': 'src/hosts/index.ts',
  },
  // Small, and the only CommonJS that core would load at once: Node needs longer for the first such file than for the rest of core.
  ['eventemitter3'],
)
