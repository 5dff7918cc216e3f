// What can be done to runs, when, and what one is asked before.
import { at, tell } from "./api.js";
import { revive } from "./connection.js";
import { show } from "./dialog.js";
import { html, useState } from "./markup.js";
import { note } from "./notice.js";
import { counted } from "./number.js";
import { go, runHref } from "./route.js";
import { ENDED } from "./status.js";

const waits = (run, kinds) => (run.waitingFor ?? []).some((one) => kinds.includes(one.kind));

// `fits(run)`: whether it makes sense now; `says(count)`: what will happen; `done(answer, run)`: what has.
export const ACTIONS = {
  cancel: {
    name: "cancel",
    title: "Cancel",
    destroys: true,
    fits: (run) => !ENDED.has(run.status),
    says: (count) =>
      `${
        count === 1
          ? "The run hears of it where it waits, cleans up, and ends"
          : `${count} runs hear of it where they wait, clean up, and end`
      } as cancelled. It can't be taken back.`,
    done: () => "It was asked to end.",
  },
  retry: {
    name: "retry",
    title: "Retry",
    fits: (run) => run.status === "failed" || run.status === "blocked",
    says: (count) =>
      `${count === 1 ? "The run goes" : `${count} runs go`} on from the step that failed, or, where blocked, with ` +
      "today's code. What had completed isn't done again.",
    done: () => "It goes on.",
  },
  rerun: {
    name: "rerun",
    title: "Rerun",
    fits: () => true,
    says: (count) =>
      `${
        count === 1 ? "A new run begins" : `${count} new runs begin`
      } with the same input, from the first step: what the old one did is done again.`,
    done: (answer) => `Run ${answer.runId} has begun.`,
  },
  wake: {
    name: "wake",
    title: "Wake",
    fits: (run) => !ENDED.has(run.status) && waits(run, ["sleep", "retry"]),
    says: (count) =>
      `${
        count === 1 ? "What the run sleeps for ends" : `What ${count} runs sleep for ends`
      } now, and waiting retries begin.`,
    done: () => "It was woken.",
  },
};

export function actOn(action, run) {
  show(
    `${action.title} this run?`,
    (close) =>
      html`<${Question}
        action=${action}
        runs=${[run]}
        close=${close}
        send=${async (options) => {
          const answer = await tell(at("runs", run.runId, action.name), options);
          note(action.done(answer, run));
          if (action.name === "rerun") go(runHref(answer.runId));
          else revive();
        }}
      />`,
  );
}

export function actOnMany(action, runs, onDone) {
  const title = `${action.title} ${counted(runs.length, "run")}?`;
  show(
    title,
    (close) =>
      html`<${Question}
        action=${action}
        runs=${runs}
        close=${close}
        send=${async (options) => {
          const { items } = await tell(at("runs", action.name), { runIds: runs.map((run) => run.runId), ...options });
          const failed = items.filter((item) => !item.ok);
          const count = items.length - failed.length;
          if (count) note(`${action.title}: ${counted(count, "run")}.`);
          for (const item of failed.slice(0, 3))
            note(`${item.runId}: ${item.error?.detail ?? item.error}`, { bad: true });
          if (failed.length > 3) note(`and ${failed.length - 3} others that couldn't.`, { bad: true });
          onDone();
          revive();
        }}
      />`,
  );
}

function Question({ action, runs, close, send }) {
  const [reason, setReason] = useState("");
  const [atOnce, setAtOnce] = useState(false);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const cancels = action.name === "cancel";
  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send(cancels ? { ...(reason && { reason }), ...(atOnce && { now: true }) } : {});
      close();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  }
  return html`<form onSubmit=${submit}>
    <p>${action.says(runs.length)}</p>
    ${runs.length === 1 && html`<p class="mono faint">${runs[0].workflow}<br />${runs[0].runId}</p>`}
    ${
      cancels &&
      html` <label class="field"
          ><span>Reason</span
          ><input
            value=${reason}
            onInput=${(event) => setReason(event.currentTarget.value)}
            placeholder="goes into its log"
            maxlength="500"
        /></label>
        <label class="choice"
          ><input type="checkbox" checked=${atOnce} onChange=${() => setAtOnce(!atOnce)} />
          <span><strong>Now</strong>: it ends without cleaning up. For a run that doesn't react.</span></label
        >`
    }
    ${error && html`<p class="is-wrong" role="alert">${error.message}</p>`}
    <footer>
      <button type="button" onClick=${close}>Leave it</button>
      <button type="submit" class=${action.destroys ? "is-danger is-main" : "is-main"} disabled=${busy}>
        ${action.title} ${runs.length > 1 ? `${runs.length} runs` : "the run"}${atOnce ? " now" : ""}
      </button>
    </footer>
  </form>`;
}
