// A value that a user's code made, drawn as text: folded where it is deep or long, never as markup.
import { Icon } from "./icon.js";
import { classes, html, useState } from "./markup.js";
import { note } from "./notice.js";
import { counted } from "./number.js";

const OPEN_DEPTH = 3;
const ITEMS = 100;
const CHARACTERS = 1_500;

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    note("Copied.");
  } catch {
    note("The browser doesn't let this page copy.", { bad: true });
  }
}

export const CopyButton = ({ text, label }) =>
  html`<button class="plain copy" aria-label=${label} title=${label} onClick=${() => copy(text)}>
    <${Icon} name="copy" />
  </button>`;

const isObject = (value) => typeof value === "object" && value !== null;
const isLocked = (value) => isObject(value) && Object.keys(value).length === 1 && typeof value.locked === "string";

// With a name, and a button that copies it as JSON.
export function Value({ label, value, empty = "nothing" }) {
  if (isLocked(value))
    return html`<section class="value">
      <h3>${label}</h3>
      <${Locked} why=${value.locked} />
    </section>`;
  return html`
    <section class="value">
      <h3>
        ${label}<${CopyButton} text=${JSON.stringify(value, null, 2) ?? ""} label=${`Copy ${label.toLowerCase()}`} />
      </h3>
      ${
        value === null || value === undefined
          ? html`<p class="faint">${empty}</p>`
          : html`<div class="json" tabindex="0" role="region" aria-label=${label}>
              <${Node} value=${value} depth=${0} />
            </div>`
      }
    </section>
  `;
}

export const Locked = ({ why }) =>
  html`<p class="locked"><${Icon} name="lock" /><span>Sealed: ${why}. Give this server the key to read it.</span></p>`;

function Node({ value, depth }) {
  if (typeof value === "string") return html`<${Text} value=${value} />`;
  if (!isObject(value))
    return html`<span class=${`json-${value === null ? "null" : typeof value}`}>${String(value)}</span>`;
  if (isLocked(value)) return html`<${Locked} why=${value.locked} />`;
  if (typeof value.$ === "string" && "v" in value)
    return html`<span class="json-type">${tagOf(value)}</span> <${Node} value=${value.v} depth=${depth} />`;
  return html`<${Branch} value=${value} depth=${depth} />`;
}

// A value that JSON has no word for is recorded under a tag (docs/payloads.md): its class, or what kind of thing it is.
const tagOf = ({ $: tag, type }) => (typeof type === "string" ? type.slice(type.lastIndexOf(":") + 1) : tag);

function Text({ value }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? value : value.slice(0, CHARACTERS);
  return html`<span class="json-string">${JSON.stringify(shown)}</span>${
      shown.length < value.length &&
      html` <button class="link" onClick=${() => setWhole(true)}>all ${counted(value.length, "character")}</button>`
    }`;
}

function Branch({ value, depth }) {
  const list = Array.isArray(value);
  const keys = list ? [...value.keys()] : Object.keys(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && keys.length <= ITEMS);
  const [limit, setLimit] = useState(ITEMS);
  const [left, right] = list ? "[]" : "{}";
  if (!keys.length) return html`<span class="json-mark">${left}${right}</span>`;
  const toggle = html`<button
    class=${classes("fold", open && "is-open")}
    aria-expanded=${String(open)}
    aria-label=${counted(keys.length, list ? "item" : "field")}
    onClick=${() => setOpen(!open)}
  >
    <${Icon} name="chevron" />
  </button>`;
  if (!open) {
    return html`${toggle}<span class="json-mark">${left}</span
      ><span class="faint"> ${counted(keys.length, list ? "item" : "field")} </span
      ><span class="json-mark">${right}</span>`;
  }
  return html`${toggle}<span class="json-mark">${left}</span>
    <div class="json-inside">
      ${keys
        .slice(0, limit)
        .map(
          (key) =>
            html`<div key=${key}>
              ${!list && html`<span class="json-key">${key}</span><span class="json-mark">: </span>`}<${Node}
                value=${value[key]}
                depth=${depth + 1}
              />
            </div>`,
        )}
      ${
        limit < keys.length &&
        html`<button class="link" onClick=${() => setLimit(limit + ITEMS * 10)}>${keys.length - limit} more</button>`
      }
    </div>
    <span class="json-mark">${right}</span>`;
}
