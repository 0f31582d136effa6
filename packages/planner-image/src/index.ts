export { image } from './planner.js'
