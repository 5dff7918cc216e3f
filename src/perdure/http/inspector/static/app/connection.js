// Whether the server can be reached: one banner for all views, and one place that tries again.
import { signal } from "./markup.js";

// null, or what is wrong: `away` (the server, or the World behind it), `locked` (no session).
export const trouble = signal(null);

// Counts up when the server is back, or somebody wants all to be read anew: views load again.
export const revival = signal(0);

export const attemptAt = signal(0); // when the next try is due, in ms

const FIRST_MS = 1_000;
const LAST_MS = 30_000;
let pause = FIRST_MS;
let timer = 0;

export function revive() {
  clearTimeout(timer);
  attemptAt.value = 0;
  revival.value += 1;
}

trouble.subscribe((now) => {
  clearTimeout(timer);
  if (now?.kind !== "away") {
    pause = FIRST_MS;
    attemptAt.value = 0;
    return;
  }
  attemptAt.value = Date.now() + pause;
  timer = setTimeout(revive, pause);
  pause = Math.min(pause * 2, LAST_MS);
});
