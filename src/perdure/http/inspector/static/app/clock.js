// The time by the server's clock, which is what ages are told by; it ticks each second while somebody looks.
import { signal } from "./markup.js";

let aheadMs = 0;

export const now = signal(Date.now());

// The server says what time it is.
export function setClock(iso) {
  const ms = Date.parse(iso);
  if (!Number.isNaN(ms)) aheadMs = ms - Date.now();
  now.value = Date.now() + aheadMs;
}

setInterval(() => {
  if (!document.hidden) now.value = Date.now() + aheadMs;
}, 1_000);
