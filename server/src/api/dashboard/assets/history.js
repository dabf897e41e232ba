// The last hour of rates, in rings of fixed size.

/** Samples: one a second for an hour. */
const CAPACITY = 3600
const SERIES = ['messagesIn', 'messagesOut', 'bytesIn', 'bytesOut', 'drops', 'connections']

export class History {
  #times = new Float64Array(CAPACITY)
  #values = Object.fromEntries(SERIES.map((name) => [name, new Float64Array(CAPACITY)]))
  #next = 0
  #size = 0

  /** `values` by series; what is missing is a gap in the line. */
  push(time, values) {
    this.#times[this.#next] = time
    for (const name of SERIES) this.#values[name][this.#next] = values[name] ?? NaN
    this.#next = (this.#next + 1) % CAPACITY
    this.#size = Math.min(this.#size + 1, CAPACITY)
  }

  /**
   * Averages of `series` over `buckets` equal spans of time between `from` and `to`; NaN where
   * nothing is known.
   */
  averages(series, from, to, buckets) {
    const sums = new Float64Array(buckets)
    const counts = new Uint32Array(buckets)
    const values = this.#values[series]
    for (let back = 1; back <= this.#size; back += 1) {
      const at = (this.#next - back + CAPACITY) % CAPACITY
      if (this.#times[at] < from) break
      const bucket = Math.floor(((this.#times[at] - from) / (to - from)) * buckets)
      if (bucket >= buckets || Number.isNaN(values[at])) continue
      sums[bucket] += values[at]
      counts[bucket] += 1
    }
    return sums.map((sum, n) => (counts[n] > 0 ? sum / counts[n] : NaN))
  }
}
