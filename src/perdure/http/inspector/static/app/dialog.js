// Questions that have to be answered first. One at a time; Esc and a click beside it mean no.
import { Icon } from "./icon.js";
import { html, signal, useLayoutEffect, useRef } from "./markup.js";

const open = signal(null);

// What it asked about is no longer there.
addEventListener("hashchange", () => (open.value = null));

// Shows `content(close)` under a title, until somebody closes it.
export function show(title, content, { wide = false } = {}) {
  open.value = { title, content, wide };
}

export function Dialogs() {
  const shown = open.value;
  const box = useRef(null);
  const close = () => (open.value = null);
  useLayoutEffect(() => {
    if (shown && !box.current.open) box.current.showModal();
  }, [shown]);
  if (!shown) return null;
  return html`
    <dialog
      ref=${box}
      class=${shown.wide ? "is-wide" : ""}
      aria-labelledby="dialog-title"
      onClose=${close}
      onPointerDown=${(event) => event.target === box.current && box.current.close()}
    >
      <div class="dialog">
        <header>
          <h2 id="dialog-title">${shown.title}</h2>
          <button class="plain" aria-label="Close" onClick=${() => box.current.close()}>
            <${Icon} name="close" />
          </button>
        </header>
        ${shown.content(() => box.current.close())}
      </div>
    </dialog>
  `;
}
