import { library } from '../../scripts/tsup.shared.js'

export default library({ index: 'src/index.ts' })
