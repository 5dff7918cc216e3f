// Which run started this one, and which ones it started; which one it was forked from, and which ones from it.
import { ask, at } from "./api.js";
import { Cell, Grid, Head } from "./grid.js";
import { html } from "./markup.js";
import { Age, Took } from "./moment.js";
import { Loading, Wrong } from "./placeholder.js";
import { usePages, useResource } from "./resource.js";
import { go, runHref } from "./route.js";
import { shortId, Workflow } from "./runs.js";
import { Status } from "./status.js";

const ROW = 38;
const PAGE = 100;

export function FamilyTab({ watched, run }) {
  const path = `${at("runs", run.runId)}/children`;
  const spans = watched.spans.value ?? [];
  const started = spans.filter((span) => span.kind === "child").map((span) => span.status);
  const pages = usePages(
    (cursor, signal) => ask(path, { limit: PAGE, cursor }, signal),
    [path, started.length, started.join()],
  );
  const ofForks = `${at("runs", run.runId)}/forks`;
  const forks = usePages((cursor, signal) => ask(ofForks, { limit: PAGE, cursor }, signal), [ofForks]);
  const { forkedFrom } = run;
  return html`
    <div class="family">
      <section>
        <h2>Parent</h2>
        ${
          run.parentId
            ? html`<${Relative} runId=${run.parentId} />`
            : html`<p class="faint">None: it was started from outside.</p>`
        }
        ${
          run.rootId !== run.runId &&
          run.rootId !== run.parentId &&
          html`<p>The first of the family: <a class="mono" href=${runHref(run.rootId)}>${run.rootId}</a></p>`
        }
      </section>
      ${
        forkedFrom &&
        html`<section>
          <h2>Forked from</h2>
          <${Relative} runId=${forkedFrom.runId} />
          <p class="faint">
            It has what that run recorded before event ${forkedFrom.seq}${
              forkedFrom.edited.length > 0 && html`, with other outcomes of ${forkedFrom.edited.join(", ")}`
            }.
          </p>
        </section>`
      }
      <${Relatives} label="Children" pages=${pages} none="It has started no other run." />
      <${Relatives} label="Forks" pages=${forks} none="No run of late was forked from it." />
    </div>
  `;
}

function Relatives({ label, pages, none }) {
  const { items } = pages;
  return html`
    <section class=${items.length ? "children" : ""}>
      <h2>${label}</h2>
      ${rows()}
    </section>
  `;

  function rows() {
    if (pages.error && !items.length) return html`<${Wrong} error=${pages.error} onRetry=${pages.reload} />`;
    if (pages.loading) return html`<${Loading} what=${label.toLowerCase()} />`;
    if (!items.length) return html`<p class="faint">${none}</p>`;
    return html`<${Grid}
      label=${label}
      class="children-grid"
      count=${items.length}
      height=${ROW}
      head=${html`<${Head} class="c-status">Status<//><${Head} class="c-workflow">Workflow<//
        ><${Head} class="c-run">Run<//><${Head} class="c-age">Created<//><${Head} class="c-took">Took<//>`}
      row=${(index) => cells(items[index])}
      shows=${(index) => [items[index]]}
      keyOf=${(index) => items[index].runId}
      onOpen=${(index) => go(runHref(items[index].runId))}
      onEnd=${pages.more}
    />`;
  }
}

const cells = (run) => html`
  <${Cell} class="c-status"><${Status} status=${run.status} /><//>
  <${Cell} class="c-workflow"><${Workflow} name=${run.workflow} /><//>
  <${Cell} class="c-run"
    ><a class="mono" href=${runHref(run.runId)} tabindex="-1" title=${run.runId}>${shortId(run.runId)}</a><//
  >
  <${Cell} class="c-age"><${Age} at=${run.createdAt} /><//>
  <${Cell} class="c-took"><${Took} from=${run.createdAt} to=${run.completedAt} ms=${run.durationMs ?? null} /><//>
`;

function Relative({ runId }) {
  const { data: run, error } = useResource((signal) => ask(at("runs", runId), null, signal), [runId]);
  const link = html`<a class="mono" href=${runHref(runId)}>${runId}</a>`;
  if (!run) return html`<p>${link} ${error && html`<span class="faint">${error.message}</span>`}</p>`;
  return html`<p class="relative"><${Status} status=${run.status} /> <${Workflow} name=${run.workflow} /> ${link}</p>`;
}
