// Times and durations as a person reads them: the words that the command line has (`cli/human.py`).
const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

// In at most two units: `12 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`.
export function span(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const whole = Math.round(ms / 1_000) * 1_000;
  const place = UNITS.findIndex(([unit]) => whole >= unit);
  const [unit, name] = UNITS[place];
  const count = Math.floor(whole / unit);
  if (place + 1 < UNITS.length) {
    const [below, belowName] = UNITS[place + 1];
    const rest = Math.floor((whole % unit) / below);
    if (rest) return `${count} ${name} ${rest} ${belowName}`;
  }
  return `${count} ${name}`;
}

// In one unit: `3 min`.
function rough(ms) {
  const found = UNITS.find(([unit]) => ms >= unit);
  return found ? `${Math.floor(ms / found[0])} ${found[1]}` : "0 s";
}

// `3 min ago`, `in 3 min`, `just now`.
export function age(ms, nowMs) {
  const past = nowMs - ms;
  if (past < -999) return `in ${rough(-past)}`;
  return past < 1_000 ? "just now" : `${rough(past)} ago`;
}

export const msOf = (iso) => (iso == null ? null : Date.parse(iso));

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// Local, with the day where it isn't today's.
export function clock(ms, nowMs) {
  const at = new Date(ms);
  const today = at.toDateString() === new Date(nowMs).toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)} ${CLOCK.format(at)}`;
}

export const stamp = (ms) =>
  `${DAY.format(ms)} ${CLOCK.format(ms)}.${String(new Date(ms).getMilliseconds()).padStart(3, "0")}`;
