export { node } from './planner.js'
