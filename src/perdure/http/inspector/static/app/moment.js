// Times in the page: ages that grow while one looks, with the exact time behind them.
import { now } from "./clock.js";
import { age, clock, msOf, span, stamp } from "./duration.js";
import { html } from "./markup.js";

export function Age({ at }) {
  const ms = msOf(at);
  if (ms === null) return null;
  return html`<time datetime=${at} title=${stamp(ms)}>${age(ms, now.value)}</time>`;
}

export function Clock({ at }) {
  const ms = msOf(at);
  if (ms === null) return null;
  return html`<time datetime=${at} title=${stamp(ms)}>${clock(ms, now.value)}</time>`;
}

// How long it took; of what still runs, how long so far.
export function Took({ from, to, ms = null }) {
  if (ms !== null) return html`<span>${span(ms)}</span>`;
  const began = msOf(from);
  if (began === null) return null;
  const ended = msOf(to);
  if (ended !== null) return html`<span>${span(ended - began)}</span>`;
  return html`<span class="running-time">${span(Math.max(0, now.value - began))}</span>`;
}
