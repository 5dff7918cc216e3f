// Time on a line: where a moment lies, which ticks to draw, and what zooming and moving make of a range. Pure; in ms.
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 4, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((count) => count * DAY),
];
const LEAST_MS = 5; // no zoom goes further in

// In hundredths of the range: 0 is its begin, 100 its end.
export const placeOf = (ms, { from, to }) => ((ms - from) / (to - from)) * 100;

// From when to when something happened: at least LEAST_MS.
export function wholeOf(spans, createdMs, endMs) {
  const from = spans.reduce((first, span) => Math.min(first, Date.parse(span.startedAt)), createdMs);
  const to = spans.reduce((last, span) => Math.max(last, span.endedAt ? Date.parse(span.endedAt) : endMs), endMs);
  return { from, to: Math.max(to, from + LEAST_MS) };
}

// Round distances from `origin` within the range, at most `count`.
export function ticksOf(range, origin, count) {
  const length = range.to - range.from;
  const step = STEPS.find((one) => length / one <= count) ?? STEPS.at(-1);
  const ticks = [];
  const first = Math.ceil((range.from - origin) / step);
  for (let place = first; origin + place * step <= range.to && ticks.length <= count * 2; place += 1) {
    ticks.push({ at: origin + place * step, after: place * step });
  }
  return ticks;
}

// As near to `range` as the whole allows.
export function within(range, whole) {
  const length = Math.min(Math.max(range.to - range.from, LEAST_MS), whole.to - whole.from);
  const from = Math.min(Math.max(range.from, whole.from), whole.to - length);
  return { from, to: from + length };
}

// `factor` below 1 shows less; the moment at `anchor` (0 to 1 of the range) stays where it is.
export function zoomed(range, whole, factor, anchor = 0.5) {
  const length = (range.to - range.from) * factor;
  const from = range.from + (range.to - range.from - length) * anchor;
  return within({ from, to: from + length }, whole);
}

export function moved(range, whole, part) {
  const by = (range.to - range.from) * part;
  return within({ from: range.from + by, to: range.to + by }, whole);
}
