// The inbox: what waits for a person, or for a request, with its age and what its workflow says of it.
import { ask } from "./api.js";
import { Cell, Grid, Head } from "./grid.js";
import { html, useState } from "./markup.js";
import { narrow } from "./measure.js";
import { Age } from "./moment.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { usePages } from "./resource.js";
import { ResumeButton } from "./resume.js";
import { go, runHref } from "./route.js";
import { shortId, Workflow } from "./runs.js";
import { mayAct } from "./session.js";

const ROW = 56;
const CARD = 132;
const PAGE = 200;
const EVERY_MS = 2_000;
const FIELDS = 6;

export function HooksView() {
  const pages = usePages(
    (cursor, signal) => ask("hooks", { limit: PAGE, cursor, withData: true }, signal),
    ["hooks"],
    EVERY_MS,
  );
  const [text, setText] = useState("");
  const items = found(pages.items, text);
  return html`
    <section class="view" aria-labelledby="hooks-title">
      <div class="view-head">
        <h1 id="hooks-title">Waiting for somebody</h1>
        <input
          type="search"
          data-search=""
          value=${text}
          onInput=${(event) => setText(event.currentTarget.value)}
          placeholder="Token, workflow, run"
          aria-label="Find hooks by token, workflow or run"
          spellcheck=${false}
        />
      </div>
      ${body()}
    </section>
  `;

  function body() {
    if (pages.error && !pages.items.length) return html`<${Wrong} error=${pages.error} onRetry=${pages.reload} />`;
    if (pages.loading) return html`<${Loading} what="hooks" />`;
    if (!pages.items.length)
      return html`<${Empty} title="Nobody is waited for."
        >Runs that wait for a payload of a hook or webhook are listed here.<//
      >`;
    if (!items.length) return html`<${Empty} title="No hook fits." />`;
    return html`<${Grid}
      label="Hooks"
      class="hooks-grid"
      count=${items.length}
      height=${narrow.value ? CARD : ROW}
      head=${narrow.value ? null : head()}
      row=${(index) => cells(items[index])}
      shows=${(index) => [items[index], mayAct()]}
      keyOf=${(index) => items[index].hookId ?? items[index].token}
      onOpen=${(index) => go(runHref(items[index].runId))}
      onEnd=${pages.more}
    />`;
  }
}

const head = () =>
  html`<${Head} class="h-token">Token<//><${Head} class="h-run">Workflow, run<//
    ><${Head} class="h-metadata">What it says<//><${Head} class="h-age">Waits since<//
    ><${Head} class="h-act"><span class="unseen">Actions</span><//>`;

function cells(hook) {
  return html`
    <${Cell} class="h-token"
      ><span class="mono" title=${hook.token}>${hook.token}</span
      ><span class="faint">${hook.webhook ? "webhook" : "hook"}</span><//
    >
    <${Cell} class="h-run"
      ><${Workflow} name=${hook.workflow} /><a class="mono" href=${runHref(hook.runId)} title=${hook.runId}
        >${shortId(hook.runId)}</a
      ><//
    >
    <${Cell} class="h-metadata"><${Metadata} value=${hook.metadata} /><//>
    <${Cell} class="h-age"
      ><${Age}
        at=${hook.createdAt}
      />${hook.expiresAt && html`<span class="faint">expires <${Age} at=${hook.expiresAt} /></span>`}<//
    >
    <${Cell} class="h-act"><${ResumeButton} hook=${hook} /><//>
  `;
}

function Metadata({ value }) {
  if (value === null || value === undefined) return html`<span class="faint">nothing</span>`;
  if (typeof value !== "object" || Array.isArray(value)) return html`<span class="pair">${plain(value)}</span>`;
  return html`<span class="attributes"
    >${Object.entries(value)
      .slice(0, FIELDS)
      .map(
        ([key, one]) => html`<span key=${key} class="pair"><span class="faint">${key}</span> ${plain(one)}</span>`,
      )}</span
  >`;
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function found(items, text) {
  const wanted = text.toLowerCase();
  return wanted
    ? items.filter((hook) => `${hook.token} ${hook.workflow} ${hook.runId}`.toLowerCase().includes(wanted))
    : items;
}
