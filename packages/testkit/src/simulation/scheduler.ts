/** Whoever a task belongs to: it runs only while its owner lives, and waits while the owner is stopped. */
export interface Owner {
  readonly state: 'running' | 'paused' | 'dead'
  readonly pausedUntil: number
}

export interface Task {
  due: number
  order: number
  run: () => void
  owner: Owner | null
  canceled: boolean
}

const before = (a: Task, b: Task): boolean => a.due < b.due || (a.due === b.due && a.order < b.order)

/** Virtual time, in milliseconds, and what is to happen in it: one task at a time, by due time, then by the order of asking. */
export class Scheduler {
  now = 0
  steps = 0
  #order = 0
  readonly #heap: Task[] = []

  get waiting(): number {
    return this.#heap.length
  }

  after(ms: number, run: () => void, owner: Owner | null = null): Task {
    const task = { due: this.now + ms, order: this.#order++, run, owner, canceled: false }
    this.#push(task)
    return task
  }

  /** Runs the next task; time jumps to it. False: there is none. */
  step(): boolean {
    for (let task = this.#pop(); task !== undefined; task = this.#pop()) {
      if (task.canceled || task.owner?.state === 'dead') continue
      if (task.owner?.state === 'paused' && task.owner.pausedUntil > task.due) {
        task.due = task.owner.pausedUntil
        task.order = this.#order++
        this.#push(task)
        continue
      }
      if (task.due > this.now) this.now = task.due
      this.steps++
      task.run()
      return true
    }
    return false
  }

  /**
   * Runs until `go` says no. Between two tasks everything that became ready is done: a callback of `process.nextTick` asked for by a
   * microtask runs when no microtask is left, and costs no turn of the event loop.
   */
  drive(go: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const tick = () => {
        try {
          if (!go() || !this.step()) return resolve()
        } catch (error) {
          return reject(error)
        }
        queueMicrotask(again)
      }
      const again = () => process.nextTick(tick)
      process.nextTick(tick)
    })
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(task)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(task, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  #pop(): Task | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}
