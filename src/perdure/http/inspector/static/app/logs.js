// What the run's steps logged while they ran, as far as it was kept.
import { ask, at } from "./api.js";
import { msOf, stamp } from "./duration.js";
import { html, useEffect, useState } from "./markup.js";
import { counted } from "./number.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { usePages } from "./resource.js";
import { workflowName } from "./runs.js";
import { ENDED } from "./status.js";
import { Locked } from "./value.js";

const PAGE = 500;
const EVERY_MS = 2_000;
const LEVELS = ["debug", "info", "warning", "error", "critical"];
const TONES = { debug: "faint", warning: "is-blocked", error: "is-failed", critical: "is-failed" };

export function LogsTab({ run }) {
  const path = `${at("runs", run.runId)}/logs`;
  const pages = usePages((cursor, signal) => ask(path, { limit: PAGE, cursor }, signal), [path]);
  const [least, setLeast] = useState(LEVELS[0]);
  const { items } = pages;
  const next = (items.at(-1)?.index ?? -1) + 1;
  const over = ENDED.has(run.status);
  useEffect(() => {
    if (pages.loading || pages.error) return undefined;
    if (over) pages.extend(String(next)); // what came with the end
    const timer = over || setInterval(() => document.hidden || pages.extend(String(next)), EVERY_MS);
    return () => clearInterval(timer);
  }, [pages.loading, over, next]);
  if (pages.error && !items.length) return html`<${Wrong} error=${pages.error} onRetry=${pages.reload} />`;
  if (pages.loading) return html`<${Loading} what="what was logged" />`;
  if (!items.length) {
    return html`<${Empty} title="Nothing was logged, or nothing was kept.">
      It is kept where that is asked for: <code>configure(capture_logs="INFO")</code>.
    <//>`;
  }
  const shown = items.filter((line) => !line.level || rank(line.level) >= LEVELS.indexOf(least));
  return html`
    <div class="logs">
      <label class="logs-level">
        From level
        <select value=${least} onChange=${(event) => setLeast(event.currentTarget.value)}>
          ${LEVELS.map((level) => html`<option key=${level}>${level}</option>`)}
        </select>
      </label>
      <ol class="log" tabindex="0" aria-label="Log lines">
        ${shown.map((line) => html`<${Line} key=${line.index} line=${line} />`)}
      </ol>
      ${pages.cursor && html`<p><button onClick=${pages.more}>More</button></p>`}
    </div>
  `;
}

// A level of somebody's own counts as the one that is shown to all.
function rank(level) {
  const place = LEVELS.indexOf(level.toLowerCase());
  return place < 0 ? 1 : place;
}

function Line({ line }) {
  const level = line.level.toLowerCase();
  return html`<li class=${TONES[level] ?? ""}>
    ${line.at && html`<time datetime=${line.at} class="faint">${stamp(msOf(line.at))}</time>`}
    <span class="log-level">${level}</span>
    <span class="faint" title=${line.stepId}>${line.step ? workflowName(line.step) : line.logger}</span>
    ${line.locked ? html`<${Locked} why=${line.message} />` : html`<span class="log-text">${line.message}</span>`}
    ${line.dropped > 0 && html`<span class="faint"> and ${counted(line.dropped, "line")} more that weren't kept</span>`}
    ${line.exception && html`<pre class="log-exception">${line.exception}</pre>`}
  </li>`;
}
