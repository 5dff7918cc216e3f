// AI SDK chunks drawn as a chat.
import { messagesOf } from "./chat.js";
import { Icon } from "./icon.js";
import { html, useMemo } from "./markup.js";
import { Status } from "./status.js";
import { Value } from "./value.js";

const WORDS = {
  input: "being called",
  running: "running",
  completed: "done",
  failed: "failed",
  waiting: "waits for approval",
};

export function Conversation({ items }) {
  const messages = useMemo(() => messagesOf(items), [items]);
  return html`<ol class="chat" aria-label="Chat">
    ${messages.map(
      (message, index) =>
        html`<li key=${index} class="message">
          ${message.parts.map((part, place) => html`<${Part} key=${place} part=${part} />`)}
          ${!message.done && index === messages.length - 1 && html`<span class="caret" aria-label="more may come" />`}
        </li>`,
    )}
  </ol>`;
}

function Part({ part }) {
  if (part.kind === "text") return html`<p class="chat-text">${part.text}</p>`;
  if (part.kind === "reasoning")
    return html`<details class="chat-thought" open=${!part.done}>
      <summary>Thought</summary>
      <p>${part.text}</p>
    </details>`;
  if (part.kind === "error") return html`<p class="chat-error"><${Icon} name="failed" /> ${part.text}</p>`;
  if (part.kind === "tool") return html`<${Tool} part=${part} />`;
  if (part.kind === "data")
    return html`<div class="chat-data"><${Value} label=${part.name} value=${part.data} /></div>`;
  return html`<p class="chat-source">
    <span class="faint">${part.kind}</span> <${Outside} url=${part.url} text=${part.text} />
  </p>`;
}

function Tool({ part }) {
  return html`<details class="chat-tool">
    <summary>
      <${Icon} name="tool" /> <strong>${part.name || "a tool"}</strong>
      <${Status} status=${part.state === "input" ? "running" : part.state} word=${WORDS[part.state]} />
    </summary>
    ${
      part.input === undefined
        ? html`<pre class="text">${part.text}</pre>`
        : html`<${Value} label="Input" value=${part.input} />`
    }
    ${part.output !== undefined && html`<${Value} label="Output" value=${part.output} />`}
    ${part.error && html`<p class="chat-error">${part.error}</p>`}
  </details>`;
}

// Only addresses of the web are links: a stream may hold any text.
function Outside({ url, text }) {
  if (!/^https?:\/\//i.test(url)) return html`<span>${text}</span>`;
  return html`<a href=${url} target="_blank" rel="noopener noreferrer">${text}</a>`;
}
