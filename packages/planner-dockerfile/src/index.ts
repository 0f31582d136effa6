export { dockerfile } from './planner.js'
