export { compose } from './planner.js'
