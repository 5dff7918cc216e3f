// A status as a word, with a shape and a colour of its own.
import { Icon } from "./icon.js";
import { html } from "./markup.js";

export const RUN_STATUSES = ["running", "pending", "blocked", "failed", "completed", "cancelled"];
export const ENDED = new Set(["completed", "failed", "cancelled"]);

// What each status of a step, hook, wait or worker looks like.
const LOOKS = {
  disposed: "completed",
  woken: "completed",
  ended: "completed",
  expired: "failed",
  conflict: "failed",
  open: "running",
  closed: "completed",
  live: "completed",
  gone: "failed",
};
const KNOWN = new Set([...RUN_STATUSES, "waiting", "retrying", "interrupted"]);

export const lookOf = (status) => (KNOWN.has(status) ? status : (LOOKS[status] ?? "pending"));

export function Status({ status, word = status }) {
  const look = lookOf(status);
  return html`<span class=${`status is-${look}`}><${Icon} name=${look} /><span>${word}</span></span>`;
}
