// One run as it stands, kept up to date: its header, its spans, its streams, and how long its log is.
import { ask, at } from "./api.js";
import { setClock } from "./clock.js";
import { follow } from "./live.js";
import { batch, signal } from "./markup.js";

export class WatchedRun {
  run = signal(null);
  error = signal(null);
  spans = signal(null);
  spansError = signal(null);
  streams = signal([]);
  length = signal(0); // of its log: what shows events reads on when it grows
  live = signal(false);
  #stop = () => {};
  #heard = null; // news that came while the run was being read: they are newer than what the answer says
  #controller = new AbortController();

  constructor(runId) {
    this.runId = runId;
  }

  async read() {
    this.#controller.abort();
    const { signal: aborted } = (this.#controller = new AbortController());
    this.#heard = [];
    const path = at("runs", this.runId);
    const [run, timeline] = await Promise.allSettled([
      ask(path, { withData: true }, aborted),
      ask(`${path}/timeline`, null, aborted),
    ]);
    if (aborted.aborted) return;
    batch(() => {
      this.error.value = run.reason ?? null;
      if (run.value) {
        this.run.value = run.value;
        this.streams.value = run.value.streams ?? [];
      }
      this.spansError.value = timeline.reason ?? null;
      if (timeline.value) {
        setClock(timeline.value.now);
        this.spans.value = timeline.value.items;
      }
      for (const news of this.#heard) news();
      this.#heard = null;
    });
  }

  #hear(take) {
    return (news) => {
      this.#heard?.push(() => take(news));
      take(news);
    };
  }

  watch() {
    this.#stop();
    this.#stop = follow(
      `${at("runs", this.runId)}/live`,
      () => null,
      {
        run: this.#hear((news) => (this.run.value = this.run.value && { ...this.run.value, ...news })),
        spans: this.#hear(({ items }) => (this.spans.value = joined(this.spans.value ?? [], items))),
        streams: this.#hear(({ items }) => (this.streams.value = items)),
        events: ({ length }) => (this.length.value = length),
      },
      (again) => {
        this.live.value = true;
        if (again) this.read();
      },
    );
  }

  leave() {
    this.#stop();
    this.#controller.abort();
    this.live.value = false;
  }
}

// Spans with what has changed of them, the earliest first.
export function joined(spans, changed) {
  const news = new Map(changed.map((span) => [span.key, span]));
  const next = spans.map((span) => {
    const found = news.get(span.key) ?? span;
    news.delete(span.key);
    return found;
  });
  if (news.size) next.push(...news.values());
  return news.size ? next.sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt)) : next;
}
