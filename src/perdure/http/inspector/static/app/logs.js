// What the run's steps logged while they ran.
import { ask, at } from "./api.js";
import { msOf, stamp } from "./duration.js";
import { html, useEffect, useRef, useState } from "./markup.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { usePages } from "./resource.js";

const PAGE = 500;
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const TONES = { WARNING: "is-blocked", ERROR: "is-failed", CRITICAL: "is-failed", DEBUG: "faint" };

export function LogsTab({ watched, run }) {
  const path = `${at("runs", run.runId)}/logs`;
  const pages = usePages((cursor, signal) => ask(path, { limit: PAGE, cursor }, signal), [path]);
  const [least, setLeast] = useState("DEBUG");
  const moved = useRef(watched.length.value);
  const length = watched.length.value;
  useEffect(() => {
    if (moved.current !== length) pages.reload();
    moved.current = length;
  }, [length]);
  const { items } = pages;
  if (pages.error && !items.length) return html`<${Wrong} error=${pages.error} onRetry=${pages.reload} />`;
  if (pages.loading) return html`<${Loading} what="what was logged" />`;
  if (!items.length) {
    return html`<${Empty} title="No step has logged anything."
      >Logging is kept where a worker is asked to: see “Logs” in the documents.<//
    >`;
  }
  const shown = items.filter((one) => rank(one.level) >= LEVELS.indexOf(least));
  return html`
    <div class="logs">
      <label class="logs-level"
        >Level
        <select value=${least} onChange=${(event) => setLeast(event.currentTarget.value)}>
          ${LEVELS.map((level) => html`<option key=${level}>${level}</option>`)}
        </select></label
      >
      <ol class="log" tabindex="0" aria-label="Log lines">
        ${shown.map((one, index) => html`<${Line} key=${index} line=${one} />`)}
      </ol>
      ${pages.cursor && html`<p><button onClick=${pages.more}>More</button></p>`}
    </div>
  `;
}

// Levels between the known ones count as the one below.
function rank(level) {
  const place = LEVELS.indexOf(level);
  return place >= 0 ? place : level === "CRITICAL" ? LEVELS.length : 1;
}

const Line = ({ line }) =>
  html`<li class=${TONES[line.level] ?? ""}>
    <time datetime=${line.at} class="faint">${stamp(msOf(line.at))}</time> <span class="log-level">${line.level}</span>
    <span class="faint">${line.logger}</span>
    <span class="log-text">${line.message}</span
    >${line.traceback && html`<pre class="traceback">${line.traceback}</pre>`}
  </li>`;
