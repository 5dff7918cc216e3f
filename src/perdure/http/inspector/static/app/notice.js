// What was done, or wasn't, said once in a corner and to screen readers.
import { Icon } from "./icon.js";
import { classes, html, signal } from "./markup.js";

const LINGERS_MS = 6_000;
const notices = signal([]);
let last = 0;

export function note(text, { bad = false } = {}) {
  const id = (last += 1);
  notices.value = [...notices.value.slice(-3), { id, text, bad }];
  if (!bad) setTimeout(() => dismiss(id), LINGERS_MS);
}

function dismiss(id) {
  notices.value = notices.value.filter((one) => one.id !== id);
}

export const Notices = () => html`
  <div class="notices" role="status" aria-live="polite">
    ${notices.value.map(
      ({ id, text, bad }) => html`
        <div key=${id} class=${classes("notice", bad && "is-bad")}>
          <${Icon} name=${bad ? "failed" : "completed"} />
          <span>${text}</span>
          <button class="plain" aria-label="Dismiss" onClick=${() => dismiss(id)}><${Icon} name="close" /></button>
        </div>
      `,
    )}
  </div>
`;
