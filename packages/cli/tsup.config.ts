import { library } from '../../scripts/tsup.shared.js'

export default library({ index: 'src/index.ts', bin: 'src/bin.ts' })
