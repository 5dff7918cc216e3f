// Which workflows there are, how their runs stand, how often they are started and how long they take.
import { ask } from "./api.js";
import { span } from "./duration.js";
import { html } from "./markup.js";
import { grouped } from "./number.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { useResource } from "./resource.js";
import { hrefOf } from "./route.js";
import { Workflow } from "./runs.js";
import { lookOf, RUN_STATUSES, Status } from "./status.js";

const EVERY_MS = 10_000;
const MOST = 1000;
const PER_CENT = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

export function WorkflowsView() {
  const { data, error, reload } = useResource((signal) => ask("workflows", { limit: MOST }, signal), ["workflows"], EVERY_MS);
  return html`<section class="view" aria-labelledby="workflows-title">
    <div class="view-head"><h1 id="workflows-title">Workflows</h1></div>
    ${body()}
  </section>`;

  function body() {
    if (error && !data) return html`<${Wrong} error=${error} onRetry=${reload} />`;
    if (!data) return html`<${Loading} what="workflows" />`;
    if (!data.items.length)
      return html`<${Empty} title="No workflow is known."
        >Those that a worker serves, or that have runs, are listed here.<//
      >`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of workflows">
      <table>
        <thead>
          <tr>
            <th scope="col">Workflow</th>
            <th scope="col">Runs</th>
            <th scope="col" class="number">Last hour</th>
            <th scope="col" class="number" title="Half of the completed runs took no longer">p50</th>
            <th scope="col" class="number" title="95 of 100 completed runs took no longer">p95</th>
            <th scope="col" class="number">Failed</th>
            <th scope="col" class="number">Workers</th>
          </tr>
        </thead>
        <tbody>
          ${data.items.map((one) => html`<${Row} key=${one.name} workflow=${one} />`)}
        </tbody>
      </table>
    </div>`;
  }
}

const upTo = (ms) => (ms === null || ms === undefined ? html`<span class="faint">–</span>` : span(ms));

function Row({ workflow }) {
  const { name, counts, workers } = workflow;
  return html`<tr>
    <th scope="row">
      <a href=${hrefOf("runs", null, { workflow: name })}><${Workflow} name=${name} /></a>
    </th>
    <td><${Counts} name=${name} counts=${counts} /></td>
    <td class="number">${workflow.startedLastHour}</td>
    <td class="number">${upTo(workflow.p50Ms)}</td>
    <td class="number">${upTo(workflow.p95Ms)}</td>
    <td class="number">
      ${
        workflow.failedShare === null || workflow.failedShare === undefined
          ? html`<span class="faint">–</span>`
          : PER_CENT.format(workflow.failedShare)
      }
    </td>
    <td class="number">${workers > 0 ? workers : html`<${Status} status="blocked" word="none" />`}</td>
  </tr>`;
}

function Counts({ name, counts }) {
  const shown = RUN_STATUSES.filter((status) => counts[status]);
  const total = shown.reduce((sum, status) => sum + counts[status], 0);
  if (!total) return html`<span class="faint">none</span>`;
  return html`
    <span class="shares" aria-hidden="true"
      >${shown.map(
        (status) =>
          html`<span
            key=${status}
            class=${`share is-${lookOf(status)}`}
            style=${{ flexGrow: String(counts[status]) }}
          />`,
      )}</span
    >
    <span class="counts"
      >${shown.map(
        (status) =>
          html`<a key=${status} href=${hrefOf("runs", null, { workflow: name, status })}
            ><${Status} status=${status} word=${`${grouped(counts[status])} ${status}`}
          /></a>`,
      )}</span
    >
  `;
}
