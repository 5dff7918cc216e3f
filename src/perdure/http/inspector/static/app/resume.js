// A payload for a hook: JSON, held against the type that the workflow waits for, by the page first and by the server then.
import { at, tell } from "./api.js";
import { revive } from "./connection.js";
import { show } from "./dialog.js";
import { html, useState } from "./markup.js";
import { note } from "./notice.js";
import { blank, misfit } from "./schema.js";
import { mayAct } from "./session.js";
import { Value } from "./value.js";

export function ResumeButton({ hook }) {
  const why = hook.webhook ? "It waits for a request to its address." : mayAct() ? "" : "You may look, not act.";
  return html`<button disabled=${Boolean(why)} title=${why} onClick=${() => resume(hook)}>Resume …</button>`;
}

// What is known of a run's hook: its metadata and schema, where the run tells of them.
export function hookOf(run, token) {
  const known = (run.hooks ?? []).find((one) => one.token === token);
  return { ...known, token, runId: run.runId, workflow: run.workflow };
}

const resume = (hook) =>
  show("Resume the run", (close) => html`<${Payload} hook=${hook} close=${close} />`, { wide: true });

// `{value}` or `{wrong}`: what was typed, read as JSON and held against the schema.
export function judged(text, schema) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: text.trim() ? `This isn't JSON: ${error.message}` : "Nothing is here yet." };
  }
  const found = schema ? misfit(value, schema) : null;
  return found ? { wrong: found, value } : { value };
}

function Payload({ hook, close }) {
  const { schema = null } = hook;
  const [text, setText] = useState(() => JSON.stringify(schema ? blank(schema) : {}, null, 2));
  const [refused, setRefused] = useState(null);
  const [busy, setBusy] = useState(false);
  const { value, wrong } = judged(text, schema);
  async function submit(event) {
    event.preventDefault();
    if (wrong) return;
    setBusy(true);
    try {
      await tell(at("hooks", hook.token, "resume"), { payload: value });
      note("The run has its payload.");
      close();
      revive();
    } catch (problem) {
      setRefused(problem.path ? `${problem.path}: ${problem.message}` : problem.message);
      setBusy(false);
    }
  }
  return html`<form onSubmit=${submit} class="resume">
    <p>
      <span class="faint">Token</span> <span class="mono">${hook.token}</span><br /><span class="faint">Workflow</span>
      <span class="mono">${hook.workflow}</span>
    </p>
    ${hook.metadata != null && html`<${Value} label="Metadata" value=${hook.metadata} />`}
    <label class="field"
      ><span>Payload, as JSON</span>
      <textarea
        class="mono"
        rows="9"
        value=${text}
        spellcheck=${false}
        aria-invalid=${String(Boolean(wrong || refused))}
        aria-describedby="payload-says"
        onInput=${(event) => (setRefused(null), setText(event.currentTarget.value))}
      ></textarea>
    </label>
    <p id="payload-says" class=${wrong || refused ? "is-wrong" : "is-right"} role="status">
      ${
        refused ??
        wrong ??
        (schema ? "Fits what the workflow waits for." : "JSON. Its workflow takes any; the server checks it.")
      }
    </p>
    ${
      schema &&
      html`<details>
        <summary>What it waits for</summary>
        <${Value} label="Schema" value=${schema} />
      </details>`
    }
    <footer>
      <button type="button" onClick=${close}>Leave it</button
      ><button type="submit" class="is-main" disabled=${Boolean(wrong) || busy}>Resume</button>
    </footer>
  </form>`;
}
