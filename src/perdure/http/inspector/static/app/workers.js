// Who runs the runs: leases, load, and which code.
import { ask } from "./api.js";
import { now } from "./clock.js";
import { msOf } from "./duration.js";
import { html } from "./markup.js";
import { Age } from "./moment.js";
import { counted } from "./number.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { useResource } from "./resource.js";
import { hrefOf } from "./route.js";
import { Status } from "./status.js";
import { workflowName } from "./runs.js";

const EVERY_MS = 5_000;

export function WorkersView() {
  const { data, error, reload } = useResource((signal) => ask("workers", null, signal), ["workers"], EVERY_MS);
  return html`<section class="view" aria-labelledby="workers-title">
    <div class="view-head"><h1 id="workers-title">Workers</h1></div>
    ${body()}
  </section>`;

  function body() {
    if (error && !data) return html`<${Wrong} error=${error} onRetry=${reload} />`;
    if (!data) return html`<${Loading} what="workers" />`;
    if (!data.items.length)
      return html`<${Empty} title="No worker is at work."
        ><code>perdure worker MODULE</code> starts one; runs wait until then.<//
      >`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of workers">
      <table>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Lease</th>
            <th scope="col" class="number">Runs</th>
            <th scope="col">Deployment</th>
            <th scope="col">Queues</th>
            <th scope="col">Serves</th>
          </tr>
        </thead>
        <tbody>
          ${data.items.map((worker) => html`<${Row} key=${worker.workerId} worker=${worker} />`)}
        </tbody>
      </table>
    </div>`;
  }
}

function Row({ worker }) {
  const live = worker.leased && msOf(worker.leaseUntil) > now.value;
  const place = [worker.pid && `process ${worker.pid}`, worker.here && "this machine"].filter(Boolean).join(" · ");
  return html`<tr>
    <th scope="row">
      <span class="mono">${worker.workerId}</span>${place && html`<span class="faint block">${place}</span>`}
    </th>
    <td>
      <${Status} status=${live ? "live" : "gone"} /><span class="faint block"
        >${live ? "until" : "ended"} <${Age} at=${worker.leaseUntil}
      /></span>
    </td>
    <td class="number">${worker.runs}</td>
    <td>${worker.deployment || html`<span class="faint">none</span>`}</td>
    <td>
      ${(worker.queues ?? []).filter(Boolean).map((queue) => html`<span key=${queue} class="tag">${queue}</span>`)}
    </td>
    <td>
      <details>
        <summary>${counted(worker.workflows.length, "workflow")}</summary>
        <ul class="plain-list">
          ${worker.workflows.map(
            (name) =>
              html`<li key=${name}>
                <a href=${hrefOf("runs", null, { workflow: name })} title=${name}>${workflowName(name)}</a>
              </li>`,
          )}
        </ul>
      </details>
    </td>
  </tr>`;
}
