// A run's log, event by event, as it was recorded.
import { ask, at } from "./api.js";
import { msOf, span as words } from "./duration.js";
import { Cell, Grid, Head } from "./grid.js";
import { Icon } from "./icon.js";
import { onEscape } from "./keys.js";
import { html, useEffect, useState, useLayoutEffect } from "./markup.js";
import { Clock } from "./moment.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { usePages, useResource } from "./resource.js";
import { Value } from "./value.js";

const ROW = 30;
const PAGE = 200;

export function EventsTab({ watched, run }) {
  const path = `${at("runs", run.runId)}/events`;
  const pages = usePages((cursor, signal) => ask(path, { limit: PAGE, cursor }, signal), [path]);
  const [chosen, setChosen] = useState(null);
  const length = watched.length.value;
  const { items } = pages;
  useLayoutEffect(() => (chosen === null ? undefined : onEscape(() => setChosen(null))), [chosen !== null]);
  const last = items.at(-1)?.seq ?? 0;
  useEffect(() => {
    if (!pages.loading && length > last) pages.extend(String(last + 1));
  }, [length, last, pages.loading]);
  if (pages.error && !items.length) return html`<${Wrong} error=${pages.error} onRetry=${pages.reload} />`;
  if (pages.loading) return html`<${Loading} what="the log" />`;
  if (!items.length) return html`<${Empty} title="The log is empty." />`;
  return html`
    <div class=${chosen === null ? "split" : "split has-chosen"}>
      <${Grid}
        label="Events"
        class="events-grid"
        count=${items.length}
        height=${ROW}
        head=${head()}
        row=${(index) => cells(items[index], run)}
        shows=${(index) => [items[index]]}
        keyOf=${(index) => items[index].seq}
        selected=${(index) => items[index].seq === chosen}
        onOpen=${(index) => setChosen(items[index].seq)}
        onEnd=${pages.more}
      />
      <aside class="panel" aria-label="Details">
        ${
          chosen === null
            ? html`<div class="panel-body faint"><p>Pick an event to see what was recorded with it.</p></div>`
            : html`<${EventPanel} key=${chosen} path=${path} seq=${chosen} onClose=${() => setChosen(null)} />`
        }
      </aside>
    </div>
  `;
}

const head = () =>
  html`<${Head} class="e-seq">Seq<//><${Head} class="e-turn">Turn<//><${Head} class="e-after">After<//
    ><${Head} class="e-type">Type<//><${Head} class="e-key">Key<//>`;

const cells = (event, run) => html`
  <${Cell} class="e-seq">${event.seq}<//><${Cell} class="e-turn">${event.turn}<//>
  <${Cell} class="e-after"><span title=${event.at}>+${words(msOf(event.at) - msOf(run.createdAt))}</span><//>
  <${Cell} class="e-type"><span class=${`event is-${toneOf(event.type)}`}>${event.type}</span><//>
  <${Cell} class="e-key mono">${event.key}<//>
`;

function toneOf(type) {
  if (/failed|blocked|conflict|expired/.test(type)) return "failed";
  if (/completed|received/.test(type)) return "completed";
  return /retr/.test(type) ? "retrying" : "plain";
}

function EventPanel({ path, seq, onClose }) {
  const { data, error, reload } = useResource(
    (signal) => ask(path, { limit: 1, cursor: seq, withData: true }, signal),
    [path, seq],
  );
  if (error) return html`<${Wrong} error=${error} onRetry=${reload} />`;
  const event = data?.items[0];
  if (!event) return html`<${Loading} what="the event" />`;
  return html`<div class="panel-body">
    <header class="panel-head">
      <h2><span class="faint">${event.seq}</span> ${event.type}</h2>
      <button class="plain" onClick=${onClose} aria-label="Close the details"><${Icon} name="close" /></button>
    </header>
    <dl class="panel-facts">
      <div>
        <dt>At</dt>
        <dd><${Clock} at=${event.at} /></dd>
      </div>
      <div>
        <dt>Turn</dt>
        <dd>${event.turn}</dd>
      </div>
      ${
        event.key &&
        html`<div>
          <dt>Key</dt>
          <dd class="mono">${event.key}</dd>
        </div>`
      }
    </dl>
    <${Value} label="Data" value=${event.data} />
  </div>`;
}
