// All of a run in a strip: where in time its spans lie, and which part is looked at. Draw over it to look closer.
import { msOf } from "./duration.js";
import { html, useMemo, useRef } from "./markup.js";
import { placeOf, within } from "./scale.js";

const LANES = 14;
const WIDTH = 1_000; // of the drawing; it is stretched
const LEAST = 1.5;
const BRUSH_MIN = 1; // hundredths: less is a click

// Rectangles as one path, spans of a lane that touch drawn as one: 5,000 spans are a few hundred rectangles.
export function pathOf(spans, whole, nowMs) {
  const lanes = Array.from({ length: LANES }, () => []);
  spans.forEach((span, index) => {
    const left = (placeOf(msOf(span.startedAt), whole) * WIDTH) / 100;
    const right = (placeOf(msOf(span.endedAt) ?? nowMs, whole) * WIDTH) / 100;
    const lane = lanes[Math.floor((index * LANES) / Math.max(spans.length, LANES))];
    const last = lane.at(-1);
    if (last && left <= last.right + 0.5) last.right = Math.max(last.right, right);
    else lane.push({ left, right });
  });
  return lanes
    .flatMap((lane, row) =>
      lane.map(
        ({ left, right }) =>
          `M${left.toFixed(1)} ${row * 2 + 0.3}h${Math.max(right - left, LEAST).toFixed(1)}v1.4H${left.toFixed(1)}Z`,
      ),
    )
    .join("");
}

export function Overview({ spans, whole, range, nowMs, onRange }) {
  const strip = useRef(null);
  const broken = useMemo(
    () =>
      pathOf(
        spans.filter((span) => span.status === "failed"),
        whole,
        nowMs,
      ),
    [spans, whole.from, whole.to],
  );
  const path = useMemo(() => pathOf(spans, whole, nowMs), [spans, whole.from, whole.to]);
  const left = placeOf(range.from, whole);
  const right = placeOf(range.to, whole);

  function begun(event) {
    const box = strip.current.getBoundingClientRect();
    const place = (x) => Math.min(Math.max((x - box.left) / box.width, 0), 1);
    const ms = (part) => whole.from + part * (whole.to - whole.from);
    const start = place(event.clientX);
    strip.current.setPointerCapture(event.pointerId);
    const drawn = (other) => {
      const [a, b] = [start, place(other.clientX)].sort((x, y) => x - y);
      if ((b - a) * 100 >= BRUSH_MIN) onRange(within({ from: ms(a), to: ms(b) }, whole));
    };
    const ended = (other) => {
      strip.current.removeEventListener("pointermove", drawn);
      if (Math.abs(place(other.clientX) - start) * 100 >= BRUSH_MIN) return;
      const half = (range.to - range.from) / 2; // a click: look there
      onRange(within({ from: ms(start) - half, to: ms(start) + half }, whole));
    };
    strip.current.addEventListener("pointermove", drawn);
    strip.current.addEventListener("pointerup", ended, { once: true });
  }

  return html`
    <div
      class="overview"
      ref=${strip}
      onPointerDown=${begun}
      onDblClick=${() => onRange(null)}
      aria-hidden="true"
      title="Draw over it to look closer; twice for all"
    >
      <svg viewBox=${`0 0 ${WIDTH} ${LANES * 2}`} preserveAspectRatio="none">
        <path class="all" d=${path} />
        <path class="broken" d=${broken} />
      </svg>
      <span class="shade" style=${{ left: "0", width: `${left}%` }} /><span
        class="shade"
        style=${{ left: `${right}%`, right: "0" }}
      />
    </div>
  `;
}
