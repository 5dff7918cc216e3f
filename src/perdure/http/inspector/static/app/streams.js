// A run's streams: text as text, chats as chats, anything else chunk by chunk; live, and of any length.
import { formOf } from "./chat.js";
import { ChunkWindow } from "./chunkwindow.js";
import { Conversation } from "./conversation.js";
import { Cell, Grid } from "./grid.js";
import { classes, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./markup.js";
import { counted, grouped } from "./number.js";
import { Empty, Loading, Wrong } from "./placeholder.js";
import { route, turn } from "./route.js";
import { Status } from "./status.js";
import { Value } from "./value.js";
import { voidAmong } from "./void.js";

const BLOCK = 100; // chunks that are drawn, and drawn anew, together
const ROW = 28;
const LINE = 300; // characters of a chunk in its line
const BOTTOM = 40; // so near to the end in pixels counts as there
const FORMS = { text: "Text", chat: "Chat", values: "Chunks" };
const DEFAULT = "(default)";

const nameOf = (stream) => stream.namespace ?? "";

export function StreamsTab({ watched, run }) {
  const streams = watched.streams.value;
  const wanted = route.value.query.get("stream");
  if (!streams.length)
    return html`<${Empty} title="It has written to no stream."
      >Steps and workflows write with <code>get_writable()</code>.<//
    >`;
  const chosen = streams.find((stream) => nameOf(stream) === (wanted ?? "")) ?? streams[0];
  return html`
    <div class="streams">
      <ul class="stream-list" aria-label="Streams">
        ${streams.map(
          (stream) =>
            html`<li key=${nameOf(stream)}>
              <button
                class=${classes("stream", stream === chosen && "is-on")}
                aria-pressed=${String(stream === chosen)}
                onClick=${() => turn({ stream: nameOf(stream) || null })}
              >
                <span class="stream-name">${nameOf(stream) || DEFAULT}</span>
                <span class="faint">${counted(stream.tailIndex + 1, "chunk")}</span
                ><${Status} status=${stream.closed ? "closed" : "open"} />
              </button>
            </li>`,
        )}
      </ul>
      <${Stream} key=${nameOf(chosen)} runId=${run.runId} stream=${chosen} />
    </div>
  `;
}

function Stream({ runId, stream }) {
  const chunks = useMemo(() => new ChunkWindow(runId, stream.namespace), []);
  const [form, setForm] = useState(null);
  useEffect(() => {
    chunks.open(stream.tailIndex + 1);
    return () => chunks.leave();
  }, []);
  const items = chunks.items.value;
  if (chunks.error.value)
    return html`<${Wrong} error=${chunks.error.value} onRetry=${() => chunks.open(stream.tailIndex + 1)} />`;
  if (chunks.loading.value) return html`<${Loading} what="the stream" />`;
  const shown = form ?? formOf(items);
  return html`
    <div class="stream-view">
      <${Tools} chunks=${chunks} form=${shown} onForm=${setForm} natural=${formOf(items)} />
      ${
        !items.length &&
        html`<${Empty} title=${chunks.closed.value ? "Nothing was written." : "Nothing has been written yet."} />`
      }
      ${items.length > 0 && shown === "text" && html`<${Follow} items=${items}><${Text} items=${items} /><//>`}
      ${items.length > 0 && shown === "chat" && html`<${Follow} items=${items}><${Conversation} items=${items} /><//>`}
      ${items.length > 0 && shown === "values" && html`<${Values} items=${items} />`}
    </div>
  `;
}

function Tools({ chunks, form, natural, onForm }) {
  const { length, closed } = chunks;
  const forms = natural === "values" ? ["values"] : [natural, "values"];
  const next = chunks.next;
  return html`
    <div class="stream-tools">
      <span class="faint"
        >${
          chunks.items.value.length
            ? `${grouped(chunks.first)} to ${grouped(next - 1)} of ${grouped(length.value)}`
            : "empty"
        }</span
      >
      ${!closed.value && chunks.atTail && html`<span class="live is-on">live</span>`}
      <span class="zoom" role="group" aria-label="Part of the stream">
        <button disabled=${chunks.first === 0} onClick=${() => chunks.show(0)}>First</button>
        <button disabled=${chunks.first === 0} onClick=${() => chunks.earlier()}>Earlier</button>
        <button disabled=${chunks.atTail} onClick=${() => chunks.later()}>Later</button>
        <button disabled=${chunks.atTail} onClick=${() => chunks.open(length.value)}>Last</button>
      </span>
      <span class="zoom" role="group" aria-label="Shown as"
        >${
          forms.length > 1 &&
          forms.map(
            (name) =>
              html`<button key=${name} aria-pressed=${String(name === form)} onClick=${() => onForm(name)}>
                ${FORMS[name]}
              </button>`,
          )
        }</span
      >
    </div>
  `;
}

// Stays at the end while more comes, unless somebody has scrolled up to read.
function Follow({ items, children }) {
  const box = useRef(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [items]);
  const scrolled = () =>
    (atEnd.current = box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight < BOTTOM);
  return html`<div
    class="follow"
    ref=${box}
    onScroll=${scrolled}
    tabindex="0"
    role="region"
    aria-label="What the stream says"
  >
    ${children}
  </div>`;
}

// Pieces of the text that one attempt of one writer wrote: so a retry can be seen.
export function passages(items) {
  const isVoid = voidAmong(items);
  const found = [];
  for (const chunk of items) {
    const block = Math.floor(chunk.index / BLOCK);
    const key = `${block}/${chunk.stepId}/${chunk.attempt}`;
    if (found.at(-1)?.key !== key) {
      const begins = found.at(-1)?.attempt !== chunk.attempt;
      found.push({ key, text: "", isVoid: isVoid(chunk), attempt: chunk.attempt, begins });
    }
    found.at(-1).text += chunk.value;
  }
  return found;
}

function Text({ items }) {
  const all = useMemo(() => passages(items), [items]);
  return html`<div class="text">
    ${all.map(
      (one, index) =>
        html`<span key=${`${one.key}/${index}`} class=${one.isVoid ? "is-void" : ""}
          >${
            one.isVoid && one.begins && html`<span class="void-note">attempt ${one.attempt}, void</span>`
          }${one.text}</span
        >`,
    )}
  </div>`;
}

function Values({ items }) {
  const [chosen, setChosen] = useState(null);
  const picked = items.find((chunk) => chunk.index === chosen);
  return html`
    <div class=${picked ? "split has-chosen" : "split"}>
      <${Grid}
        label="Chunks"
        class="chunks-grid"
        count=${items.length}
        height=${ROW}
        shows=${(index) => [items[index]]}
        keyOf=${(index) => items[index].index}
        row=${(index) =>
          html`<${Cell} class="k-index">${items[index].index}<//
            ><${Cell} class="k-value mono">${line(items[index].value)}<//>`}
        selected=${(index) => items[index].index === chosen}
        onOpen=${(index) => setChosen(items[index].index)}
      />
      <aside class="panel" aria-label="Details">
        ${
          picked
            ? html`<div class="panel-body">
                <h2>Chunk ${picked.index}</h2>
                <${Value} label="Value" value=${picked.value} />
                <dl class="panel-facts">
                  <div>
                    <dt>Written by</dt>
                    <dd class="mono">${picked.stepId ?? "the workflow"}</dd>
                  </div>
                  ${
                    picked.stepId !== null &&
                    html`<div>
                      <dt>Attempt</dt>
                      <dd>${picked.attempt}</dd>
                    </div>`
                  }
                </dl>
              </div>`
            : html`<div class="panel-body faint"><p>Pick a chunk to see all of it.</p></div>`
        }
      </aside>
    </div>
  `;
}

const line = (value) => (JSON.stringify(value) ?? "").slice(0, LINE);
