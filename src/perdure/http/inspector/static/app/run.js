// One run: where it stands and why, what can be done, and the ways to look into it.
import { ACTIONS, actOn } from "./action.js";
import { revival } from "./connection.js";
import { EventsTab } from "./events.js";
import { FamilyTab } from "./family.js";
import { onEscape } from "./keys.js";
import { LogsTab } from "./logs.js";
import { classes, html, useEffect, useMemo, useLayoutEffect } from "./markup.js";
import { Age, Clock, Took } from "./moment.js";
import { grouped } from "./number.js";
import { Loading, Wrong } from "./placeholder.js";
import { go, hrefOf, route, runHref, turn } from "./route.js";
import { Chips, Workflow, workflowName } from "./runs.js";
import { mayAct } from "./session.js";
import { Callout } from "./callout.js";
import { Status } from "./status.js";
import { StreamsTab } from "./streams.js";
import { TimelineTab } from "./timeline.js";
import { CopyButton } from "./value.js";
import { WatchedRun } from "./watched.js";

const TABS = [
  ["timeline", "Timeline", TimelineTab, () => null],
  ["events", "Events", EventsTab, (watched) => watched.length.value || null],
  ["streams", "Streams", StreamsTab, (watched) => watched.streams.value.length || null],
  ["family", "Family", FamilyTab, () => null],
  ["logs", "Logs", LogsTab, () => null],
];

export function RunView({ runId }) {
  const watched = useMemo(() => new WatchedRun(runId), [runId]);
  const revived = revival.value;
  useEffect(() => {
    watched.read();
    watched.watch();
    return () => watched.leave();
  }, [watched, revived]);
  useLayoutEffect(() => onEscape(() => go(hrefOf("runs"))), []);
  const run = watched.run.value;
  useEffect(() => {
    if (run) document.title = `${workflowName(run.workflow)}, ${run.status} · perdure`;
  }, [run?.workflow, run?.status]);
  if (!run && watched.error.value)
    return html`<${Wrong} error=${watched.error.value} onRetry=${() => watched.read()} />`;
  if (!run) return html`<${Loading} what="the run" />`;
  const chosen = TABS.find(([name]) => name === route.value.query.get("tab")) ?? TABS[0];
  const Body = chosen[2];
  return html`
    <article class="view run" aria-labelledby="run-title">
      <${Header} run=${run} live=${watched.live.value} />
      <${Callout} run=${run} spans=${watched.spans.value ?? []} />
      <${Tabs} watched=${watched} chosen=${chosen[0]} />
      <div class="tab-body" role="tabpanel" id="panel" aria-labelledby=${`tab-${chosen[0]}`}>
        <${Body} watched=${watched} run=${run} />
      </div>
    </article>
  `;
}

function Header({ run, live }) {
  return html`
    <header class="run-head">
      <div class="run-title">
        <h1 id="run-title"><${Status} status=${run.status} /> <${Workflow} name=${run.workflow} /></h1>
        ${!run.completedAt && html`<span class=${live ? "live is-on" : "live"}>${live ? "live" : "not live"}</span>`}
        <div class="actions">
          ${Object.values(ACTIONS).map(
            (action) =>
              action.fits(run) &&
              html`<button
                key=${action.name}
                class=${action.destroys ? "is-danger" : action.name === "retry" ? "is-main" : ""}
                disabled=${!mayAct()}
                title=${mayAct() ? "" : "You may look, not act."}
                onClick=${() => actOn(action, run)}
              >
                ${action.title} …
              </button>`,
          )}
        </div>
      </div>
      <dl class="facts">
        <div>
          <dt>Run</dt>
          <dd class="mono">${run.runId}<${CopyButton} text=${run.runId} label="Copy the run's id" /></dd>
        </div>
        <div>
          <dt>Created</dt>
          <dd>
            <${Clock} at=${run.createdAt} /> <span class="faint">(<${Age} at=${run.createdAt} />)</span>
          </dd>
        </div>
        <div>
          <dt>${run.completedAt ? "Took" : "So far"}</dt>
          <dd><${Took} from=${run.createdAt} to=${run.completedAt} ms=${run.durationMs} /></dd>
        </div>
        ${
          run.parentId &&
          html`<div>
            <dt>Parent</dt>
            <dd><a class="mono" href=${runHref(run.parentId)}>${run.parentId}</a></dd>
          </div>`
        }
        ${
          run.pin &&
          html`<div>
            <dt>Pinned to</dt>
            <dd>${run.pin}</dd>
          </div>`
        }
        ${
          run.recoveries > 0 &&
          html`<div>
            <dt>Recoveries</dt>
            <dd title="How often its worker died">${run.recoveries}</dd>
          </div>`
        }
        ${
          Object.keys(run.attributes).length > 0 &&
          html`<div>
            <dt>Attributes</dt>
            <dd>
              <${Chips} attributes=${run.attributes} onPick=${(pair) => go(hrefOf("runs", null, { attr: pair }))} />
            </dd>
          </div>`
        }
      </dl>
    </header>
  `;
}

function Tabs({ watched, chosen }) {
  function pressed(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const place = TABS.findIndex(([name]) => name === chosen);
    const next = TABS[(place + by + TABS.length) % TABS.length][0];
    turn({ tab: next });
    document.getElementById(`tab-${next}`).focus();
    event.preventDefault();
  }
  return html`<div class="tabs" role="tablist" aria-label="Ways to look at the run" onKeyDown=${pressed}>
    ${TABS.map(
      ([name, title, , count]) =>
        html`<button
          key=${name}
          id=${`tab-${name}`}
          role="tab"
          aria-selected=${String(name === chosen)}
          aria-controls="panel"
          tabindex=${name === chosen ? 0 : -1}
          class=${classes("tab", name === chosen && "is-on")}
          onClick=${() => turn({ tab: name === "timeline" ? null : name })}
        >
          ${title}${count(watched) !== null && html` <span class="count">${grouped(count(watched))}</span>`}
        </button>`,
    )}
  </div>`;
}
