// All runs: found, watched, and acted on, one or many.
import { ACTIONS, actOnMany } from "./action.js";
import { revival } from "./connection.js";
import { Filters, isFiltered, wantedOf } from "./filters.js";
import { Cell, Grid, Head } from "./grid.js";
import { Icon } from "./icon.js";
import { onEscape } from "./keys.js";
import { follow } from "./live.js";
import { html, useEffect, useMemo, useState, useLayoutEffect } from "./markup.js";
import { narrow } from "./measure.js";
import { Age, Took } from "./moment.js";
import { counted, grouped } from "./number.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { go, route, runHref, turn } from "./route.js";
import { RunList } from "./runlist.js";
import { mayAct } from "./session.js";
import { ENDED, Status } from "./status.js";

const ROW = 38;
const CARD = 76;
const IDS = 8; // letters of an id's end, which is where ids of one day differ

export const shortId = (runId) => `…${runId.slice(-IDS)}`;

export const workflowName = (workflow) => workflow.slice(workflow.lastIndexOf(":") + 1);
export const moduleName = (workflow) => workflow.slice(0, Math.max(0, workflow.lastIndexOf(":")));

export const Workflow = ({ name }) =>
  html`<span class="workflow" title=${name}>
    <span class="workflow-module">${moduleName(name) && `${moduleName(name)}:`}</span
    ><span class="workflow-name">${workflowName(name)}</span></span
  >`;

export function Chips({ attributes, onPick }) {
  return html`<span class="attributes"
    >${Object.entries(attributes).map(
      ([key, value]) =>
        html`<button
          key=${key}
          class="pair"
          tabindex="-1"
          title=${`Only runs with ${key}=${value}`}
          onClick=${() => onPick(`${key}=${value}`)}
        >
          <span class="faint">${key}</span> ${value}
        </button>`,
    )}</span
  >`;
}

// What a run's line says of it: its trouble in the words of the error, else what it waits for.
const Detail = ({ run }) => html`<span class=${`detail is-${run.status}`} title=${run.detail}>${run.detail}</span>`;

function Check({ run, chosen, onChoose }) {
  return html`<label class="check"
    ><input
      type="checkbox"
      tabindex="-1"
      checked=${chosen}
      onChange=${() => onChoose(run.runId)}
      aria-label=${`Select run ${run.runId}`}
  /></label>`;
}

function cells(run, chosen, onChoose, onAttribute) {
  return html`
    <${Cell} class="c-check"><${Check} run=${run} chosen=${chosen} onChoose=${onChoose} /><//>
    <${Cell} class="c-status"><${Status} status=${run.status} /><//>
    <${Cell} class="c-workflow"><${Workflow} name=${run.workflow} /><//>
    <${Cell} class="c-run"
      ><a href=${runHref(run.runId)} tabindex="-1" class="mono" title=${run.runId}>${shortId(run.runId)}</a><//
    >
    <${Cell} class="c-age"><${Age} at=${run.createdAt} /><//>
    <${Cell} class="c-took"><${Took} from=${run.createdAt} to=${run.completedAt} ms=${run.durationMs} /><//>
    <${Cell} class="c-detail"><${Detail} run=${run} /><//>
    <${Cell} class="c-attributes"><${Chips} attributes=${run.attributes} onPick=${onAttribute} /><//>
  `;
}

function Bulk({ runs, onDone }) {
  useLayoutEffect(() => onEscape(onDone), []);
  return html`<div class="bulk" role="toolbar" aria-label="Selected runs">
    <strong>${counted(runs.length, "run")}</strong>
    ${Object.values(ACTIONS).map((action) => {
      const fit = runs.filter(action.fits);
      return html`<button
        key=${action.name}
        disabled=${!fit.length || !mayAct()}
        class=${action.destroys ? "is-danger" : ""}
        onClick=${() => actOnMany(action, fit, onDone)}
      >
        ${action.title}${fit.length && fit.length < runs.length ? ` (${fit.length})` : ""} …
      </button>`;
    })}
    <button class="plain" onClick=${onDone} aria-label="Select none"><${Icon} name="close" /></button>
  </div>`;
}

export function RunsView() {
  const { query } = route.value;
  const key = query.toString();
  const list = useMemo(() => new RunList(wantedOf(query)), [key]);
  const [chosen, setChosen] = useState(new Set());
  const [live, setLive] = useState(false);
  const revived = revival.value;
  useEffect(() => {
    setChosen(new Set());
    list.read();
    const stop = follow(
      "live",
      () => wantedOf(query),
      { runs: (news) => list.apply(news) },
      (again) => {
        setLive(true);
        if (again) list.read();
      },
    );
    return () => {
      stop();
      setLive(false);
      list.leave();
    };
  }, [list, revived]);

  const items = list.items.value;
  const card = narrow.value;
  const choose = (runId) =>
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(runId)) next.add(runId);
      return next;
    });
  const all = items.length > 0 && items.every((run) => chosen.has(run.runId));
  const addAttribute = (pair) => turn({ attr: [...new Set([...query.getAll("attr"), pair])] });
  const selected = items.filter((run) => chosen.has(run.runId));
  return html`
    <section class="view runs" aria-labelledby="runs-title">
      <h1 id="runs-title" class="unseen">Runs</h1>
      <${Filters} query=${query} />
      ${selected.length > 0 && html`<${Bulk} runs=${selected} onDone=${() => setChosen(new Set())} />`} ${body()}
      <p class="foot" role="status">
        <span class=${live ? "live is-on" : "live"}>${live ? "live" : "not live"}</span>
        ${
          items.length > 0 &&
          html`<span
            >${grouped(items.length)}${list.whole.value ? "" : "+"} runs${isFiltered(query) ? " that fit" : ""}</span
          >`
        }
        ${
          items.length > 0 &&
          html`<span>${grouped(items.filter((run) => !ENDED.has(run.status)).length)} under way</span>`
        }
      </p>
    </section>
  `;

  function body() {
    if (list.error.value && !items.length)
      return html`<${Wrong} error=${list.error.value} onRetry=${() => list.read()} />`;
    if (list.loading.value) return html`<${Loading} what="runs" />`;
    if (!items.length && isFiltered(query))
      return html`<${Empty} title="No run fits.">Take a filter away, or look further back.<//>`;
    if (!items.length) {
      return html`<${Empty} title="Nothing has run here yet."
        >Start a workflow: <code>perdure start shop.orders:fulfil '{"id": 7}'</code>; it shows up here by itself.<//
      >`;
    }
    return html`<${Grid}
      label="Runs"
      class="runs-grid"
      count=${items.length}
      height=${card ? CARD : ROW}
      head=${card ? null : head()}
      total=${list.whole.value ? items.length + 1 : -1}
      row=${(index) => cells(items[index], chosen.has(items[index].runId), choose, addAttribute)}
      shows=${(index) => [items[index], card]}
      keyOf=${(index) => items[index].runId}
      selected=${(index) => chosen.has(items[index].runId)}
      onOpen=${(index) => go(runHref(items[index].runId))}
      onKey=${(event, index) => (event.key === " " || event.key === "x") && (choose(items[index].runId), true)}
      onEnd=${list.more}
    />`;
  }

  function head() {
    return html`
      <${Head} class="c-check"
        ><label class="check"
          ><input
            type="checkbox"
            checked=${all}
            indeterminate=${!all && selected.length > 0}
            aria-label="Select all that are listed"
            onChange=${() => setChosen(new Set(all ? [] : items.map((run) => run.runId)))} /></label
      ><//>
      <${Head} class="c-status">Status<//><${Head} class="c-workflow">Workflow<//><${Head} class="c-run">Run<//>
      <${Head} class="c-age">Created<//><${Head} class="c-took">Took<//
      ><${Head} class="c-detail">Waiting for, or why it ended<//><${Head} class="c-attributes">Attributes<//>
    `;
  }
}
