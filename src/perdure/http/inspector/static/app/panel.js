// All about one span, or, where none is picked, about the run: beside the timeline.
import { ACTIONS, actOn } from "./action.js";
import { ask, at } from "./api.js";
import { msOf } from "./duration.js";
import { ErrorBox } from "./failure.js";
import { Icon } from "./icon.js";
import { html } from "./markup.js";
import { Age, Clock, Took } from "./moment.js";
import { counted } from "./number.js";
import { Loading, Wrong } from "./placeholder.js";
import { useResource } from "./resource.js";
import { hookOf, ResumeButton } from "./resume.js";
import { runHref } from "./route.js";
import { mayAct } from "./session.js";
import { Status } from "./status.js";
import { CopyButton, Value } from "./value.js";

const KINDS = { step: "Step", sleep: "Sleep", timeout: "Timeout", hook: "Hook", child: "Child run" };

const Fact = ({ label, children }) =>
  html`<div>
    <dt>${label}</dt>
    <dd>${children}</dd>
  </div>`;

export function RunPanel({ run }) {
  return html`
    <div class="panel-body">
      <h2>Run</h2>
      <${Value} label="Input" value=${run.input} empty="It takes none." />
      ${
        run.status === "completed" && html`<${Value} label="Result" value=${run.result} empty="It returned nothing." />`
      }
      <dl class="panel-facts">
        <${Fact} label="Started"
          ><${Clock} at=${run.startedAt} />${run.startedAt === null && html`<span class="faint">not yet</span>`}<//
        >
        ${run.completedAt && html`<${Fact} label="Ended"><${Clock} at=${run.completedAt} /><//>`}
        <${Fact} label="Started by">${run.deployment || html`<span class="faint">not said</span>`}<//>
        <${Fact} label="Recoveries">${run.recoveries}<//>
        ${
          run.rootId !== run.runId &&
          html`<${Fact} label="Root"><a class="mono" href=${runHref(run.rootId)}>${run.rootId}</a><//>`
        }
      </dl>
    </div>
  `;
}

export function SpanPanel({ span, run, onClose }) {
  return html`
    <div class="panel-body">
      <header class="panel-head">
        <h2><span class="faint">${KINDS[span.kind]}</span> ${span.name}</h2>
        <button class="plain" onClick=${onClose} aria-label="Close the details"><${Icon} name="close" /></button>
      </header>
      <p class="panel-status">
        <${Status} status=${span.status} />
        <span class="faint"><${Took} from=${span.startedAt} to=${span.endedAt} /></span>
      </p>
      ${span.kind === "step" && html`<${StepDetails} span=${span} run=${run} />`}
      ${span.kind === "hook" && html`<${HookDetails} span=${span} run=${run} />`}
      ${span.kind === "child" && html`<p><a class="mono" href=${runHref(span.runId)}>${span.runId}</a></p>`}
      <${Times} span=${span} />
      ${
        (span.kind === "sleep" || span.status === "retrying") &&
        span.endedAt === null &&
        ACTIONS.wake.fits(run) &&
        html`<p><button disabled=${!mayAct()} onClick=${() => actOn(ACTIONS.wake, run)}>Wake …</button></p>`
      }
    </div>
  `;
}

function Times({ span }) {
  const ahead = span.endedAt === null && span.dueAt !== null;
  return html`<dl class="panel-facts">
    <${Fact} label=${span.kind === "step" && !span.attempts.length ? "Called" : "Began"}><${Clock} at=${span.startedAt} /><//>
    ${span.endedAt && html`<${Fact} label="Ended"><${Clock} at=${span.endedAt} /><//>`}
    ${
      span.dueAt &&
      html`<${Fact} label=${{ step: "Next attempt", hook: "Expires" }[span.kind] ?? "Due"}
        ><${Clock} at=${span.dueAt} /> ${ahead && html`<span class="faint">(<${Age} at=${span.dueAt} />)</span>`}<//
      >`
    }
    <${Fact} label="Key"><span class="mono">${span.key}</span><//>
  </dl>`;
}

function StepDetails({ span, run }) {
  const path = at("steps", span.stepId);
  const {
    data: step,
    error,
    reload,
  } = useResource((signal) => ask(path, { run: run.runId }, signal), [path, span.status, span.attempts.length]);
  if (error && !step) return html`<${Wrong} error=${error} onRetry=${reload} />`;
  if (!step) return html`<${Loading} what="the step" />`;
  return html`
    ${step.error && html`<${ErrorBox} error=${step.error} open=${true} />`}
    <${Value} label="Input" value=${step.input} empty="It takes none." />
    ${
      step.status === "completed" && html`<${Value} label="Output" value=${step.output} empty="It returned nothing." />`
    }
    <${Attempts} attempts=${step.attempts ?? span.attempts} />
    <dl class="panel-facts">
      <${Fact} label="Idempotency key"
        ><span class="mono">${step.stepId}</span
        ><${CopyButton} text=${step.stepId} label="Copy the idempotency key"
      /><//>
      ${step.queue && html`<${Fact} label="Queue">${step.queue}<//>`}
    </dl>
  `;
}

function Attempts({ attempts }) {
  if (!attempts.length) return null;
  let last = null;
  return html`<section class="attempts">
    <h3>${counted(attempts.length, "attempt")}</h3>
    <ol>
      ${attempts.map((one) => {
        const pause = last === null ? null : msOf(one.startedAt) - last;
        last = msOf(one.endedAt);
        return html`<li key=${one.attempt}>
          <span class="attempt-line"
            ><span class="faint">${one.attempt}</span><${Status} status=${one.status} />
            <${Took} from=${one.startedAt} to=${one.endedAt} /><${Clock} at=${one.startedAt} />
            ${pause !== null && pause > 0 && html`<span class="faint">after <${Took} ms=${pause} /></span>`}</span
          >
          ${one.error && html`<${ErrorBox} error=${one.error} />`}
        </li>`;
      })}
    </ol>
  </section>`;
}

function HookDetails({ span, run }) {
  const hook = hookOf(run, span.token);
  return html`
    ${
      span.token &&
      html`<dl class="panel-facts">
        <${Fact} label="Token"
          ><span class="mono">${span.token}</span><${CopyButton} text=${span.token} label="Copy the token"
        /><//>
        <${Fact} label="Payloads">${span.marks.length}<//>
      </dl>`
    }
    ${
      hook.metadata !== undefined &&
      html`<${Value} label="Metadata" value=${hook.metadata} empty="Its workflow says nothing of it." />`
    }
    ${span.endedAt === null && span.token && html`<p><${ResumeButton} hook=${hook} /></p>`}
  `;
}
