// Keys that work everywhere, and the list of all of them.
import { show } from "./dialog.js";
import { html } from "./markup.js";
import { go, hrefOf } from "./route.js";

const PLACES = { r: "runs", h: "hooks", w: "workers", f: "workflows" };
const PAUSE_MS = 1_200;

const KEYS = {
  Everywhere: {
    "/": "search",
    "g r": "runs",
    "g h": "hooks",
    "g w": "workers",
    "g f": "workflows",
    Esc: "close, or back to the list",
    "?": "these keys",
  },
  "In a list": { "↑ ↓": "move (or k, j)", "Home End": "first, last", Enter: "open", Space: "select a run" },
  "In a timeline": {
    "← →": "move in time",
    "+ −": "zoom",
    0: "all of it",
    f: "zoom to the span",
    Enter: "its details",
  },
};

export function showKeys() {
  show(
    "Keys",
    () =>
      html`<div class="keys">
        ${Object.entries(KEYS).map(
          ([title, keys]) =>
            html`<section key=${title}>
              <h3>${title}</h3>
              <dl>
                ${Object.entries(keys).map(
                  ([key, what]) =>
                    html`<div key=${key}>
                      <dt>${key.split(" ").map((one) => html`<kbd key=${one}>${one}</kbd>`)}</dt>
                      <dd>${what}</dd>
                    </div>`,
                )}
              </dl>
            </section>`,
        )}
      </div>`,
    { wide: true },
  );
}

const escapes = [];

// What Esc does here, the innermost first; returns how to take it back.
export function onEscape(handler) {
  escapes.push(handler);
  return () => escapes.splice(escapes.indexOf(handler), 1);
}

export function listenForKeys() {
  let before = null;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else escapes.at(-1)?.();
      return;
    }
    if (typing) return;
    const went = before === "g" && PLACES[event.key];
    if (went) go(hrefOf(went));
    else if (event.key === "/") document.querySelector("[data-search]")?.focus();
    else if (event.key === "?") showKeys();
    else {
      before = event.key;
      setTimeout(() => (before = null), PAUSE_MS);
      return;
    }
    before = null;
    event.preventDefault();
  });
}
