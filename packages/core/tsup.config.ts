import { library } from '../../scripts/tsup.shared.js'

export default library({
  index: 'src/index.ts',
  'spec/index': 'src/spec/index.ts',
  'hosts/index': 'src/hosts/index.ts',
})
