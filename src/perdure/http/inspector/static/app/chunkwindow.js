// The part of a stream that is on the page: never more than a few thousand chunks, wherever in the stream they lie.
import { ask, at } from "./api.js";
import { follow } from "./live.js";
import { batch, signal } from "./markup.js";

export const KEPT = 2_000;
const PAGE = 500;

export class ChunkWindow {
  items = signal([]);
  length = signal(0); // of the whole stream, as far as is known
  closed = signal(false);
  error = signal(null);
  loading = signal(true);
  #controller = new AbortController();
  #stop = () => {};
  #waiting = [];
  #frame = 0;

  constructor(runId, namespace) {
    this.path = `${at("runs", runId)}/chunks`;
    this.namespace = namespace;
  }

  get first() {
    return this.items.value[0]?.index ?? 0;
  }

  get next() {
    return (this.items.value.at(-1)?.index ?? -1) + 1;
  }

  get atTail() {
    return this.next >= this.length.value;
  }

  // All of a short stream, the end of a long one.
  open(length) {
    return this.show(length <= KEPT ? 0 : length - PAGE, Math.min(length, KEPT));
  }

  // So many chunks from an index on, instead of what is there.
  async show(index, count = PAGE) {
    this.#halt();
    this.#controller = new AbortController();
    const { signal: aborted } = this.#controller;
    const found = [];
    try {
      do {
        const page = await this.#read(index + found.length, aborted);
        found.push(...page.items);
        if (!page.items.length) break;
      } while (found.length < count);
      if (!aborted.aborted) this.#set(found.slice(0, Math.max(count, PAGE)));
    } catch (error) {
      if (!aborted.aborted) this.#failed(error);
    }
  }

  async earlier() {
    const from = Math.max(0, this.first - PAGE);
    const { signal: aborted } = this.#controller;
    const count = this.first - from;
    const page = await this.#read(from, aborted, count);
    this.#halt();
    this.#set([...page.items.slice(0, count), ...this.items.value].slice(0, KEPT));
  }

  async later() {
    const { signal: aborted } = this.#controller;
    const page = await this.#read(this.next, aborted);
    this.#set([...this.items.value, ...page.items].slice(-KEPT));
  }

  async #read(startIndex, aborted, limit = PAGE) {
    const page = await ask(this.path, { namespace: this.namespace, startIndex, limit }, aborted);
    this.length.value = Math.max(this.length.value, page.tailIndex + 1);
    this.closed.value = page.closed;
    return page;
  }

  #set(items) {
    batch(() => {
      this.items.value = items;
      this.loading.value = false;
      this.error.value = null;
    });
    if (this.atTail && !this.closed.value) this.#follow();
  }

  #failed(error) {
    batch(() => {
      this.error.value = error;
      this.loading.value = false;
    });
  }

  // New chunks go into the page once a frame, however many come.
  #follow() {
    this.#stop();
    this.#stop = follow(`${this.path}/live`, () => ({ namespace: this.namespace, startIndex: this.#due }), {
      chunks: ({ items }) => {
        this.#waiting.push(...items);
        if (this.#waiting.length > KEPT) this.#waiting = this.#waiting.slice(-KEPT);
        this.#frame ||= requestAnimationFrame(() => this.#take());
      },
      closed: () => {
        this.#take();
        this.closed.value = true;
        this.#stop();
      },
    });
  }

  get #due() {
    return (this.#waiting.at(-1)?.index ?? this.next - 1) + 1;
  }

  #take() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const news = this.#waiting.filter((chunk) => chunk.index >= this.next);
    this.#waiting = [];
    if (!news.length) return;
    batch(() => {
      this.items.value = [...this.items.value, ...news].slice(-KEPT);
      this.length.value = Math.max(this.length.value, news.at(-1).index + 1);
    });
  }

  #halt() {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#stop();
    this.#stop = () => {};
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#waiting = [];
  }

  leave() {
    this.#halt();
  }
}
