// The runs that meet a filter, newest first: read page by page, kept up to date by what the server says has changed.
import { ask } from "./api.js";
import { batch, signal } from "./markup.js";

const PAGE = 200;

// Which of two runs comes first: the newer, whose id is the greater.
export const before = (a, b) => a.runId > b.runId;

// The list with what has changed: known ones in their place, new ones where they belong, as far as the list was read.
export function merged(items, changed, gone, whole) {
  const news = new Map(changed.map((run) => [run.runId, run]));
  const lost = new Set(gone);
  const next = [];
  for (const run of items) {
    if (!lost.has(run.runId)) next.push(news.get(run.runId) ?? run);
    news.delete(run.runId);
  }
  for (const run of news.values()) {
    if (lost.has(run.runId)) continue;
    let place = next.findIndex((other) => before(run, other));
    if (place < 0) {
      if (!whole && next.length) continue; // it is further down than was read
      place = next.length;
    }
    next.splice(place, 0, run);
  }
  return next;
}

export class RunList {
  items = signal([]);
  error = signal(null);
  loading = signal(true);
  whole = signal(false);
  #wanted;
  #cursor = null;
  #busy = false;
  #heard = null; // news that came while the list was being read from the top: they are newer than the answer
  #controller = new AbortController();

  constructor(wanted) {
    this.#wanted = wanted;
  }

  // From the top; what is shown stays until the answer is there.
  async read() {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#busy = false;
    this.#heard = [];
    await this.#page(null);
  }

  more = () => {
    if (!this.#busy && this.#cursor && !this.error.value) this.#page(this.#cursor);
  };

  async #page(cursor) {
    const { signal: aborted } = this.#controller;
    this.#busy = true;
    try {
      const page = await ask("runs", { ...this.#wanted, limit: PAGE, cursor }, aborted);
      if (aborted.aborted) return;
      this.#cursor = page.cursor;
      batch(() => {
        const known = cursor === null ? [] : this.items.value;
        const ids = new Set(known.map((run) => run.runId));
        this.items.value = [...known, ...page.items.filter((run) => !ids.has(run.runId))];
        this.whole.value = page.cursor === null;
        this.error.value = null;
        this.loading.value = false;
        const heard = this.#heard ?? [];
        this.#heard = null;
        for (const news of heard) this.apply(news);
      });
    } catch (error) {
      if (aborted.aborted) return;
      batch(() => {
        this.error.value = error;
        this.loading.value = false;
      });
    }
    this.#busy = false;
  }

  apply(news) {
    this.#heard?.push(news);
    if (!this.loading.value) this.items.value = merged(this.items.value, news.items, news.gone, this.whole.value);
  }

  leave() {
    this.#controller.abort();
  }
}
