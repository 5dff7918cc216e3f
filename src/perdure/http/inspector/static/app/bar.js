// One span as a bar on the line of time. Each kind looks different, not by colour alone: attempts are solid segments with
// dotted pauses between, a failed one is hatched; sleeps are thin, timeouts dashed, payloads of a hook are diamonds.
import { msOf } from "./duration.js";
import { html } from "./markup.js";
import { placeOf } from "./scale.js";
import { lookOf } from "./status.js";

// Left and width for CSS, or null where it is out of sight.
function extent(from, to, range) {
  const left = placeOf(from, range);
  const right = placeOf(to, range);
  if (right < 0 || left > 100) return null;
  const cut = Math.max(left, -1);
  return { left: `${cut}%`, width: `${Math.min(right, 101) - cut}%` };
}

function Piece({ from, to, range, name, title }) {
  const style = extent(from, to, range);
  return style && html`<span class=${`piece ${name}`} style=${style} title=${title} />`;
}

function Mark({ ms, range, name, title }) {
  const place = placeOf(ms, range);
  if (place < 0 || place > 100) return null;
  return html`<span class=${`mark ${name}`} style=${{ left: `${place}%` }} title=${title} />`;
}

export function Bar({ span, range, nowMs }) {
  const from = msOf(span.startedAt);
  const to = msOf(span.endedAt) ?? Math.max(nowMs, from);
  const due = msOf(span.dueAt);
  const look = lookOf(span.status);
  const hidden = to < range.from ? "is-before" : from > range.to ? "is-after" : null;
  return html`<span class=${`bar kind-${span.kind}`} aria-hidden="true">
    <${Piece} from=${from} to=${to} range=${range} name=${`base is-${look}`} />
    ${span.attempts.map(
      (one) =>
        html`<${Piece}
          key=${one.attempt}
          from=${msOf(one.startedAt)}
          to=${msOf(one.endedAt) ?? Math.max(nowMs, msOf(one.startedAt))}
          range=${range}
          name=${`attempt is-${lookOf(one.status)}`}
          title=${`attempt ${one.attempt}: ${one.status}`}
        />`,
    )}
    ${due !== null && span.endedAt === null && html`<${Mark} ms=${due} range=${range} name="due" title="due" />`}
    ${span.marks.map(
      (at) => html`<${Mark} key=${at} ms=${msOf(at)} range=${range} name="payload" title="a payload came" />`,
    )}
    ${hidden && html`<span class=${`edge ${hidden}`} />`}
  </span>`;
}
