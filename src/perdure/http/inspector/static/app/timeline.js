// A run's spans under each other on one line of time: zoom, move, pick one, and see all of it beside.
import { now } from "./clock.js";
import { Bar } from "./bar.js";
import { msOf, span as words } from "./duration.js";
import { Cell, Grid } from "./grid.js";
import { Icon } from "./icon.js";
import { onEscape } from "./keys.js";
import { html, useEffect, useMemo, useRef, useState, useLayoutEffect } from "./markup.js";
import { narrow } from "./measure.js";
import { Took } from "./moment.js";
import { counted, grouped } from "./number.js";
import { Overview } from "./overview.js";
import { RunPanel, SpanPanel } from "./panel.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { route, turn } from "./route.js";
import { workflowName } from "./runs.js";
import { moved, placeOf, ticksOf, wholeOf, within, zoomed } from "./scale.js";
import { ENDED, lookOf } from "./status.js";

const ROW = 30;
const IN = 0.6;
const STEP = 0.2; // of what is seen, for one press of an arrow
const MARGIN = 0.02; // beside a span that is zoomed to

export function TimelineTab({ watched, run }) {
  const spans = watched.spans.value;
  const chosenKey = route.value.query.get("span");
  const chosen = spans?.find((span) => span.key === chosenKey) ?? null;
  const close = () => turn({ span: null });
  useLayoutEffect(() => (chosen ? onEscape(close) : undefined), [chosen !== null]);
  if (watched.spansError.value && !spans)
    return html`<${Wrong} error=${watched.spansError.value} onRetry=${() => watched.read()} />`;
  if (!spans) return html`<${Loading} what="the timeline" />`;
  return html`
    <div class=${chosen ? "split has-chosen" : "split"}>
      ${
        spans.length
          ? html`<${Waterfall} spans=${spans} run=${run} chosenKey=${chosenKey} />`
          : html`<${Empty} title="No step, wait or child so far." />`
      }
      <aside class="panel" aria-label="Details">
        ${
          chosen
            ? html`<${SpanPanel} key=${chosen.key} span=${chosen} run=${run} onClose=${close} />`
            : html`<${RunPanel} run=${run} />`
        }
      </aside>
    </div>
  `;
}

function Waterfall({ spans, run, chosenKey }) {
  const [text, setText] = useState("");
  const [range, setRange] = useState(null);
  const [active, setActive] = useState(0);
  const box = useRef(null);
  const nowMs = ENDED.has(run.status) ? msOf(run.completedAt) : now.value;
  const whole = useMemo(() => wholeOf(spans, msOf(run.createdAt), nowMs), [spans, nowMs]);
  const seen = range ? within(range, whole) : whole;
  const shown = useMemo(() => found(spans, text), [spans, text]);
  const change = (next) => setRange(next && next.to - next.from >= whole.to - whole.from ? null : next);
  const choose = (span) => turn({ span: span.key });

  function focusOn(span) {
    const from = msOf(span.startedAt);
    const to = msOf(span.endedAt) ?? nowMs;
    const margin = Math.max((to - from) * MARGIN, 2);
    change(within({ from: from - margin, to: to + margin }, whole));
  }

  function pressed(event, index) {
    const act = {
      "+": () => change(zoomed(seen, whole, IN)), "=": () => change(zoomed(seen, whole, IN)),
      "-": () => change(zoomed(seen, whole, 1 / IN)), 0: () => setRange(null),
      ArrowLeft: () => change(moved(seen, whole, -STEP)), ArrowRight: () => change(moved(seen, whole, STEP)),
      f: () => focusOn(shown[index]),
    }[event.key]; // prettier-ignore
    act?.();
    return Boolean(act);
  }

  useEffect(() => {
    const wheel = (event) => {
      const line = box.current.querySelector(".axis-line").getBoundingClientRect();
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        const anchor = Math.min(Math.max((event.clientX - line.left) / line.width, 0), 1);
        change(zoomed(seen, whole, Math.exp(event.deltaY / 300), anchor));
      } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY))
        change(moved(seen, whole, sideways / line.width));
      else return;
      event.preventDefault();
    };
    const target = box.current;
    target.addEventListener("wheel", wheel, { passive: false });
    return () => target.removeEventListener("wheel", wheel);
  }, [seen.from, seen.to, whole.from, whole.to]);

  const ticks = ticksOf(seen, whole.from, narrow.value ? 3 : 7);
  return html`
    <div class="waterfall" ref=${box}>
      <div class="waterfall-tools">
        <input
          type="search"
          data-search=""
          value=${text}
          onInput=${(event) => setText(event.currentTarget.value)}
          placeholder="Find a step, or a status"
          aria-label="Find spans by name or status"
          spellcheck=${false}
        />
        <span class="faint"
          >${
            shown.length === spans.length
              ? counted(spans.length, "span")
              : `${grouped(shown.length)} of ${grouped(spans.length)}`
          }</span
        >
        <span class="zoom" role="group" aria-label="Zoom">
          <button onClick=${() => change(zoomed(seen, whole, 1 / IN))} disabled=${!range} aria-label="Zoom out">
            −
          </button>
          <button onClick=${() => setRange(null)} disabled=${!range}>All</button>
          <button onClick=${() => change(zoomed(seen, whole, IN))} aria-label="Zoom in">+</button>
        </span>
      </div>
      <div class="axis">
        <span class="axis-name">${words(whole.to - whole.from)}</span
        ><${Overview} spans=${spans} whole=${whole} range=${seen} nowMs=${nowMs} onRange=${change} /><span />
      </div>
      <div class="axis axis-ticks" aria-hidden="true">
        <span /><span class="axis-line"
          >${ticks.map(
            ({ at, after }) =>
              html`<span key=${after} class="tick" style=${{ left: `${placeOf(at, seen)}%` }}
                >${after === 0 ? "0" : `+${words(after).replace(".0 ", " ")}`}</span
              >`,
          )}</span
        ><span />
      </div>
      ${shown.length === 0 && html`<${Empty} title="No span fits." />`}
      <div class="spans-box">
        <${Grid}
          label="Timeline"
          class="spans-grid"
          count=${shown.length}
          height=${ROW}
          active=${active}
          onActive=${setActive}
          row=${(index) => cells(shown[index], seen, nowMs)}
          shows=${(index) => [shown[index], seen.from, seen.to, shown[index].endedAt === null && nowMs]}
          keyOf=${(index) => shown[index].key}
          selected=${(index) => shown[index].key === chosenKey}
          onOpen=${(index) => choose(shown[index])}
          onKey=${pressed}
        />
        <div class="lines" aria-hidden="true">
          ${ticks.map(({ at, after }) => html`<span key=${after} style=${{ left: `${placeOf(at, seen)}%` }} />`)}
        </div>
      </div>
    </div>
  `;
}

export const spanName = (span) => (span.kind === "step" || span.kind === "child" ? workflowName(span.name) : span.name);

function cells(span, range, nowMs) {
  const failed = span.attempts.length > 1;
  return html`
    <${Cell} class="s-name"
      ><span class=${`span-icon is-${lookOf(span.status)}`} title=${span.status}><${Icon} name=${iconOf(span)} /></span>
      <span class="span-name" title=${`${span.name}: ${span.status}`}>${spanName(span)}</span>${
        failed && html`<span class="tries" title=${`${span.attempts.length} attempts`}>×${span.attempts.length}</span>`
      } <span class="unseen">${" "}(${span.kind}, ${span.status})</span><//
    >
    <${Cell} class="s-bar"><${Bar} span=${span} range=${range} nowMs=${nowMs} /><//>
    <${Cell} class="s-took"><${Took} from=${span.startedAt} to=${span.endedAt} /><//>
  `;
}

// The kind's, but for what needs a look.
function iconOf(span) {
  const look = lookOf(span.status);
  if (["failed", "retrying", "cancelled"].includes(look) && span.kind === "step") return look;
  return span.kind;
}

function found(spans, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return spans;
  return spans.filter((span) => {
    const all = `${span.name} ${span.kind} ${span.status} ${span.key}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
}
