// Why a run stands where it stands: its error, both sides of a divergence, or all that it waits for.
import { difference } from "./difference.js";
import { ErrorBox } from "./failure.js";
import { Icon } from "./icon.js";
import { Linked } from "./linked.js";
import { html } from "./markup.js";
import { Age } from "./moment.js";
import { hookOf, ResumeButton } from "./resume.js";
import { Locked } from "./value.js";

const KINDS = {
  hook: "hook",
  sleep: "sleep",
  step: "step",
  retry: "retrying",
  child: "child",
  worker: "pending",
  code: "blocked",
};
const LISTED = 5;

export function Callout({ run, spans }) {
  if (run.locked) return html`<div class="callout"><${Locked} why=${run.reason} /></div>`;
  if (run.divergence) return html`<${Divergence} sides=${run.divergence} />`;
  if (run.error) return html`<div class="callout is-failed"><${ErrorBox} error=${run.error} /></div>`;
  if (run.status === "blocked")
    return html`<div class="callout is-blocked" role="note">
      <p><strong>Blocked.</strong> <${Linked} text=${run.reason} /></p>
    </div>`;
  if (run.status === "cancelled") {
    return html`<div class="callout is-cancelled">
      <p>
        <strong>${run.forced ? "Cancelled at once." : "Cancelled."}</strong> ${run.reason ?? "No reason was given."}
      </p>
    </div>`;
  }
  if (run.completedAt || !(run.waitingFor?.length || run.waitingSentence)) return null;
  return html`<div class="callout is-waiting"><${Waits} run=${run} spans=${spans} /></div>`;
}

function Waits({ run, spans }) {
  const waits = run.waitingFor ?? [];
  if (!waits.length) return html`<p>${upper(run.waitingSentence)}.</p>`;
  return html`<ul class="waits" aria-label="What it waits for">
    ${waits.slice(0, LISTED).map((one) => html`<${Wait} key=${one.key} one=${one} run=${run} spans=${spans} />`)}
    ${waits.length > LISTED && html`<li class="faint">and ${waits.length - LISTED} more</li>`}
  </ul>`;
}

function Wait({ one, run, spans }) {
  const token = one.kind === "hook" ? spans.find((span) => span.key === one.key)?.token : null;
  return html`<li>
    <${Icon} name=${KINDS[one.kind] ?? "waiting"} />
    <span
      >Waiting for <strong><${Linked} text=${one.detail} /></strong>${one.until && html` (<${Age} at=${one.until} />)`}</span
    >
    ${!one.until && html`<span class="faint">since <${Age} at=${one.since} /></span>`}
    ${token && html`<${ResumeButton} hook=${hookOf(run, token)} />`}
  </li>`;
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function Side({ title, parts, name }) {
  return html`<section class=${`side is-${name}`}>
    <h3>${title}</h3>
    <p class="mono">
      ${parts.map(([text, shared], index) => (shared ? text : html`<mark key=${index}>${text}</mark>`))}
    </p>
  </section>`;
}

function Divergence({ sides }) {
  const [recorded, attempted] = difference(sides.recorded, sides.attempted);
  return html`
    <section class="callout is-blocked" aria-labelledby="sides-title">
      <h2 id="sides-title">The code doesn't fit the log <span class="faint">in turn ${sides.turn}</span></h2>
      <div class="sides">
        <${Side}
          name="recorded"
          title=${`Recorded${sides.deployment ? ` by deployment ${sides.deployment}` : ""}`}
          parts=${recorded}
        />
        <${Side} name="attempted" title=${`Attempted${sides.line ? ` at ${sides.line}` : ""}`} parts=${attempted} />
      </div>
      <p>
        Nothing is lost: the run goes on once a worker runs the code that wrote the
        log${sides.deployment && ` (deployment ${sides.deployment})`}, or once the change is guarded with
        <code>patched()</code>.
      </p>
    </section>
  `;
}
