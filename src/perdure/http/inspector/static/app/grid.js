// A table of any length: only the rows in view are in the page, and arrow keys move through all of them.
import { classes, html, useEffect, useLayoutEffect, useRef, useState } from "./markup.js";

const STRIDE = 4; // rows that come and go together
const OVER = 8; // rows drawn beyond what is seen, so that a flick shows no gap
const NEAR_END = 30; // rows before the end at which more are asked for

// `row(index)`: the cells of one row; `shows(index)`: what they are made from: while that is the same, the row isn't drawn
// anew; `keyOf(index)`: what stays the same while rows move. `onOpen(index, event)`: Enter or a click; `onKey(event, index)`:
// other keys, true if it took them; `onEnd()`: the end is near. `head`: header cells; `selected(index)`: whether it is
// marked; `active` and `onActive`: the row with the focus, where the owner keeps it.
export function Grid({
  label,
  count,
  height,
  row,
  shows,
  keyOf,
  onOpen,
  onKey,
  onEnd,
  head,
  selected,
  total,
  children,
  ...more
}) {
  const scroller = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [own, setOwn] = useState(0);
  const active = Math.min(more.active ?? own, Math.max(0, count - 1));
  const setActive = more.onActive ?? setOwn;
  const moved = useRef(false);
  const drawn = useRef(new Map());

  useLayoutEffect(() => {
    const box = scroller.current;
    const measure = () => setView({ top: box.scrollTop, height: box.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  const stride = STRIDE * height;
  const first = Math.max(0, Math.floor(view.top / stride) * STRIDE - OVER);
  const last = Math.min(count, Math.ceil((view.top + view.height) / stride) * STRIDE + OVER);

  useEffect(() => {
    if (onEnd && last >= count - NEAR_END) onEnd();
  }, [last, count, onEnd]);

  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    scroller.current.querySelector('[data-active="true"]')?.focus({ preventScroll: true });
  });

  function scrolled(event) {
    const top = event.currentTarget.scrollTop;
    if (Math.floor(top / stride) !== Math.floor(view.top / stride)) setView((old) => ({ ...old, top }));
  }

  function move(to) {
    const index = Math.min(Math.max(to, 0), count - 1);
    const box = scroller.current;
    const top = index * height;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
    setView((old) => ({ ...old, top: box.scrollTop }));
    moved.current = true;
    setActive(index);
  }

  function pressed(event) {
    if (event.target.closest("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = Math.max(1, Math.floor(view.height / height) - 1);
    const to = { ArrowDown: active + 1, j: active + 1, ArrowUp: active - 1, k: active - 1, PageDown: active + step,
      PageUp: active - step, Home: 0, End: count - 1 }[event.key]; // prettier-ignore
    if (to !== undefined) move(to);
    else if (event.key === "Enter" && onOpen && !event.target.closest("a, button")) onOpen(active, event);
    else if (!onKey?.(event, active)) return;
    event.preventDefault();
  }

  function clicked(event) {
    const found = event.target.closest("[role=row]");
    if (!found || event.target.closest("a, button, input, label, summary")) return;
    if (getSelection().type === "Range") return; // a text is being marked, to be copied
    const index = Number(found.dataset.index);
    setActive(index);
    onOpen?.(index, event);
  }

  // A row that is the very same object as before is left alone by Preact.
  const rows = [];
  const next = new Map();
  for (let index = first; index < last; index += 1) {
    const key = keyOf(index);
    const mark = selected ? Boolean(selected(index)) : undefined;
    const made = [index, height, index === active, mark, ...shows(index)];
    const old = drawn.current.get(key);
    const same = old && made.every((one, place) => Object.is(one, old.made[place]));
    next.set(key, same ? old : { made, node: drawRow(key, index, mark) });
    rows.push(next.get(key).node);
  }
  drawn.current = next;

  function drawRow(key, index, mark) {
    return html`
      <div
        key=${key}
        role="row"
        aria-rowindex=${index + (head ? 2 : 1)}
        aria-selected=${mark === undefined ? undefined : String(mark)}
        class=${classes("row", mark && "is-selected")}
        style=${{ top: `${index * height}px`, height: `${height}px` }}
        tabindex=${index === active ? 0 : -1}
        data-index=${index}
        data-active=${index === active}
      >
        ${row(index)}
      </div>
    `;
  }

  return html`
    <div
      class=${classes("grid", more.class)}
      role="grid"
      aria-label=${label}
      aria-rowcount=${total ?? count + (head ? 1 : 0)}
    >
      ${
        head &&
        html`<div role="rowgroup" class="grid-head"><div role="row" class="row" aria-rowindex="1">${head}</div></div>`
      }
      <div
        class="grid-scroll"
        role="rowgroup"
        ref=${scroller}
        onScroll=${scrolled}
        onKeyDown=${pressed}
        onClick=${clicked}
      >
        <div class="grid-all" role="presentation" style=${{ height: `${count * height}px` }}>${rows}</div>
        ${children}
      </div>
    </div>
  `;
}

export const Cell = ({ class: name, children, ...more }) =>
  html`<div role="gridcell" class=${classes("cell", name)} ...${more}>${children}</div>`;

export const Head = ({ class: name, children }) =>
  html`<div role="columnheader" class=${classes("cell", name)}>${children}</div>`;
