// An error as data: what it is, what it says, and where it came from.
import { html } from "./markup.js";
import { CopyButton } from "./value.js";

export function ErrorBox({ error, open = false }) {
  return html`
    <div class="error-box">
      <p><strong>${error.type}</strong>: ${error.message}</p>
      ${
        error.traceback &&
        html`<details open=${open}>
          <summary>Traceback</summary>
          <div class="traceback">
            <${CopyButton} text=${error.traceback} label="Copy the traceback" />
            <pre tabindex="0" role="region" aria-label="Traceback">${error.traceback}</pre>
          </div>
        </details>`
      }
    </div>
  `;
}
