import { libraryWithPrograms } from '../../scripts/tsup.shared.js'

export default libraryWithPrograms({ index: 'src/index.ts' }, { keeper: 'src/keeper/main.ts' })
