/** The commits that were loaded, in blocks of rows, of which the ones used last are kept. */

/** How many rows are loaded at a time. */
export const BLOCK = 100;
const BLOCKS_KEPT = 60;

export class Windows {
  identity = "";
  total = 0;
  lanes = 1;
  environments = [];
  #load;
  #arrived;
  /** Block number -> its rows; a promise while they are loaded, null when that failed. */
  #blocks = new Map();

  /**
   * @param {(start: number, count: number) => Promise<object>} load
   * @param {(failed: boolean, changed: boolean) => void} arrived called when rows came, or did not; `changed`
   *     tells that it is another graph
   */
  constructor(load, arrived) {
    this.#load = load;
    this.#arrived = arrived;
  }

  /** Forget all and load the block of a row. Rejects as `load` does, and then nothing is forgotten. */
  async begin(row) {
    const block = Math.floor(row / BLOCK);
    const window = await this.#load(block * BLOCK, BLOCK);
    this.#blocks.clear();
    this.#take(block, window);
  }

  /** A row, if it is here. */
  row(index) {
    const rows = this.#blocks.get(Math.floor(index / BLOCK));
    return Array.isArray(rows) ? rows[index % BLOCK] : undefined;
  }

  /** Load what is missing between two rows. */
  need(first, last) {
    for (let block = Math.floor(first / BLOCK); block <= Math.floor(last / BLOCK); block++) {
      if (!this.#blocks.has(block)) this.#fetch(block);
    }
  }

  /** Let what could not be loaded be asked for again. */
  forgetFailures() {
    for (const [block, rows] of this.#blocks) if (rows === null) this.#blocks.delete(block);
  }

  async #fetch(block) {
    const asked = this.#load(block * BLOCK, BLOCK);
    this.#blocks.set(block, asked);
    let changed = false;
    try {
      const window = await asked;
      if (this.#blocks.get(block) !== asked) return;
      changed = this.#take(block, window);
    } catch {
      if (this.#blocks.get(block) !== asked) return;
      this.#blocks.set(block, null);
    }
    this.#arrived([...this.#blocks.values()].includes(null), changed);
  }

  /** Keep the rows of a window. Whether they are of another graph than those before. */
  #take(block, window) {
    const changed = window.graph !== this.identity;
    if (changed) this.#blocks.clear();
    this.identity = window.graph;
    this.total = window.total;
    this.lanes = Math.max(1, window.lanes);
    this.environments = window.environments;
    // What is set last is forgotten last.
    this.#blocks.delete(block);
    this.#blocks.set(block, window.rows);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= BLOCKS_KEPT) break;
      this.#blocks.delete(oldest);
    }
    return changed;
  }
}
