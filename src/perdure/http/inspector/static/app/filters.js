// Which runs a list is about: held in the address, so that a link carries it.
import { ask } from "./api.js";
import { now } from "./clock.js";
import { Icon } from "./icon.js";
import { html, useEffect, useRef, useState } from "./markup.js";
import { useResource } from "./resource.js";
import { turn } from "./route.js";
import { lookOf, RUN_STATUSES } from "./status.js";

const TYPING_MS = 200;
const SINCE = {
  "15m": ["15 minutes", 900],
  "1h": ["hour", 3_600],
  "24h": ["24 hours", 86_400],
  "7d": ["7 days", 604_800],
};

// The query of the API for that of the address.
export function wantedOf(query) {
  const since = SINCE[query.get("since")];
  return {
    status: query.getAll("status"),
    attr: query.getAll("attr"),
    workflow: query.get("workflow"),
    q: query.get("q"),
    since: since ? new Date(now.peek() - since[1] * 1_000).toISOString() : null,
  };
}

export const isFiltered = (query) => [...query.keys()].length > 0;

function Search({ query }) {
  const [text, setText] = useState(query.get("q") ?? "");
  const timer = useRef(0);
  useEffect(() => setText(query.get("q") ?? ""), [query.get("q")]);
  function typed(event) {
    const value = event.currentTarget.value;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => turn({ q: value.trim() }), TYPING_MS);
  }
  return html`<label class="search"
    ><${Icon} name="search" /><input
      type="search"
      data-search=""
      value=${text}
      onInput=${typed}
      placeholder="Run id or workflow"
      aria-label="Search runs by id or workflow"
      spellcheck=${false}
      autocomplete="off"
    /><kbd>/</kbd></label
  >`;
}

function Attributes({ query }) {
  const attributes = query.getAll("attr");
  const [text, setText] = useState("");
  function add(event) {
    event.preventDefault();
    if (!/^[^=]+=/.test(text)) return;
    turn({ attr: [...new Set([...attributes, text.trim()])] });
    setText("");
  }
  return html`
    ${attributes.map(
      (pair) =>
        html`<button
          key=${pair}
          class="chip is-on"
          aria-label=${`No longer only ${pair}`}
          onClick=${() => turn({ attr: attributes.filter((one) => one !== pair) })}
        >
          <span>${pair}</span><${Icon} name="close" />
        </button>`,
    )}
    <form class="attribute" onSubmit=${add}>
      <input
        value=${text}
        onInput=${(event) => setText(event.currentTarget.value)}
        onChange=${add}
        placeholder="key=value"
        aria-label="Only runs with this attribute, key=value"
        spellcheck=${false}
        autocomplete="off"
      />
    </form>
  `;
}

export function Filters({ query }) {
  const statuses = query.getAll("status");
  const workflows = useResource((signal) => ask("workflows", null, signal), ["workflows"]);
  const names = workflows.data?.items.map((one) => one.name) ?? [];
  const chosen = query.get("workflow") ?? "";
  const toggle = (status) =>
    turn({ status: statuses.includes(status) ? statuses.filter((one) => one !== status) : [...statuses, status] });
  return html`
    <div class="filters" role="search" aria-label="Runs">
      <${Search} query=${query} />
      <div class="chips" role="group" aria-label="Status">
        ${RUN_STATUSES.map(
          (status) =>
            html`<button
              key=${status}
              class=${`chip is-${lookOf(status)}`}
              aria-pressed=${String(statuses.includes(status))}
              onClick=${() => toggle(status)}
            >
              <${Icon} name=${status} /><span>${status}</span>
            </button>`,
        )}
      </div>
      <select
        aria-label="Workflow"
        value=${chosen}
        onChange=${(event) => turn({ workflow: event.currentTarget.value })}
      >
        <option value="">All workflows</option>
        ${[...new Set([...names, ...(chosen ? [chosen] : [])])].map(
          (name) => html`<option key=${name} value=${name}>${name}</option>`,
        )}
      </select>
      <select
        aria-label="Created"
        value=${query.get("since") ?? ""}
        onChange=${(event) => turn({ since: event.currentTarget.value })}
      >
        <option value="">Any time</option>
        ${Object.entries(SINCE).map(([key, [words]]) => html`<option key=${key} value=${key}>Last ${words}</option>`)}
      </select>
      <${Attributes} query=${query} />
      ${
        isFiltered(query) &&
        html`<button
          class="link"
          onClick=${() => turn({ q: null, status: null, workflow: null, since: null, attr: null })}
        >
          Clear
        </button>`
      }
    </div>
  `;
}
