// The page: its frame, and the view that the address names.
import { attemptAt, revive, trouble } from "./connection.js";
import { now } from "./clock.js";
import { Dialogs } from "./dialog.js";
import { HooksView } from "./hooks.js";
import { Icon } from "./icon.js";
import { listenForKeys, showKeys } from "./keys.js";
import { html, render, useEffect } from "./markup.js";
import { Notices } from "./notice.js";
import { Empty } from "./placeholder.js";
import { hrefOf, route } from "./route.js";
import { RunView } from "./run.js";
import { RunsView } from "./runs.js";
import { session } from "./session.js";
import { ThemeButton } from "./theme.js";
import { WorkersView } from "./workers.js";
import { WorkflowsView } from "./workflows.js";

const PLACES = [
  ["runs", "Runs"],
  ["hooks", "Hooks"],
  ["workers", "Workers"],
  ["workflows", "Workflows"],
];

function View() {
  const { view, id } = route.value;
  if (view === "runs" && id !== null) return html`<${RunView} key=${id} runId=${id} />`;
  if (view === "runs") return html`<${RunsView} />`;
  if (view === "hooks") return html`<${HooksView} />`;
  if (view === "workers") return html`<${WorkersView} />`;
  if (view === "workflows") return html`<${WorkflowsView} />`;
  return html`<${Empty} title="There is no such page here."><a href=${hrefOf("runs")}>All runs</a><//>`;
}

function Banner() {
  const found = trouble.value;
  if (!found) return null;
  if (found.kind === "locked") {
    return html`<div class="banner" role="alert">
      <${Icon} name="lock" /><span>
        This browser has no session here, or it has ended. Open the address that <code>perdure web</code> printed.
      </span>
    </div>`;
  }
  const seconds = Math.max(0, Math.ceil((attemptAt.value - Date.now()) / 1_000));
  return html`<div class="banner" role="alert" data-tick=${now.value}>
    <${Icon} name="warning" /><span>
      ${found.detail} What you see may be old. ${attemptAt.value ? `Next try in ${seconds} s.` : "Trying …"} </span
    ><button onClick=${revive}>Try again now</button>
  </div>`;
}

function Frame() {
  const { view, id } = route.value;
  const found = session.value;
  useEffect(() => {
    if (id === null) document.title = `${PLACES.find(([name]) => name === view)?.[1] ?? "Not found"} · perdure`;
  }, [view, id]);
  return html`
    <a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="brand" href=${hrefOf("runs")} aria-label="perdure: all runs"
        ><svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect width="32" height="32" rx="7" class="brand-ground" />
          <path d="M8 10h9M13 16h11M19 22h5" class="brand-bars" /></svg
        ><span>perdure</span></a
      >
      <nav aria-label="Views">
        ${PLACES.map(
          ([name, title]) =>
            html`<a key=${name} href=${hrefOf(name)} aria-current=${name === view ? "page" : undefined}>${title}</a>`,
        )}
      </nav>
      <div class="top-end">
        ${
          found &&
          html`<span
            class="world"
            title=${`${found.world} · perdure ${found.version}${found.actor ? ` · you are ${found.actor}` : ""}`}
            >${found.world}</span
          >`
        }
        ${found && (found.readOnly || !found.mayAct) && html`<span class="tag">read only</span>`}
        <button class="plain" onClick=${showKeys} aria-label="Keys" title="Keys (?)"><kbd>?</kbd></button>
        <${ThemeButton} />
      </div>
    </header>
    <${Banner} />
    <main id="content" tabindex="-1"><${View} /></main>
    <${Notices} />
    <${Dialogs} />
  `;
}

// The hash is the route: a jump to an anchor would change the view.
function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

listenForKeys();
render(html`<${Frame} />`, document.getElementById("app"));
