import { library } from '../../scripts/tsup.shared.js'

export default library({ index: 'src/index.ts', daemon: 'src/daemon.ts' })
