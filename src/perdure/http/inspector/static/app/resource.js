// Something that is asked for, and asked again: what came, or why nothing did. What was there stays while it is read anew.
import { revival } from "./connection.js";
import { useEffect, useRef, useState } from "./markup.js";

// `load(signal)` -> promise; asked again when one of `reasons` changes, and each `everyMs` while the page is looked at.
export function useResource(load, reasons, everyMs = 0) {
  const [state, setState] = useState({ data: null, error: null, of: null });
  const [count, setCount] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const of = JSON.stringify(reasons);
  const revived = revival.value;
  useEffect(() => {
    const controller = new AbortController();
    latest.current(controller.signal).then(
      (data) => controller.signal.aborted || setState({ data, error: null, of }),
      (error) => controller.signal.aborted || setState((old) => ({ data: old.of === of ? old.data : null, error, of })),
    );
    const timer = everyMs && setInterval(() => document.hidden || setCount((old) => old + 1), everyMs);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [of, count, revived, everyMs]);
  const current = state.of === of;
  return {
    data: current ? state.data : null,
    error: current ? state.error : null,
    loading: !current,
    reload: () => setCount((old) => old + 1),
  };
}

// Pages of a list by cursor: what has been read so far. `more()` reads on, `extend(cursor)` too, where a list that had
// ended has grown; read anew, it is as long as it was.
export function usePages(load, reasons, everyMs = 0) {
  const [pages, setPages] = useState({ of: null, items: [], cursor: null, error: null });
  const [count, setCount] = useState(0);
  const of = JSON.stringify(reasons);
  const controller = useRef(null);
  const busy = useRef(false);
  const revived = revival.value;
  const current = pages.of === of ? pages : { items: [], cursor: null, error: null };

  async function read(cursor, before, least = 0) {
    const { signal } = controller.current;
    busy.current = true;
    let items = before;
    let next = cursor;
    try {
      do {
        const page = await load(next, signal);
        items = [...items, ...page.items];
        next = page.cursor;
      } while (next && items.length < least && !signal.aborted);
      if (!signal.aborted) setPages({ of, items, cursor: next, error: null });
    } catch (error) {
      if (!signal.aborted) setPages({ of, items: before.length ? before : current.items, cursor, error });
    }
    if (!signal.aborted) busy.current = false;
  }

  useEffect(() => {
    controller.current = new AbortController();
    read(null, [], current.items.length);
    const timer = everyMs && setInterval(() => document.hidden || busy.current || setCount((old) => old + 1), everyMs);
    return () => {
      controller.current.abort();
      clearInterval(timer);
    };
  }, [of, count, revived, everyMs]);

  return {
    ...current,
    loading: pages.of !== of,
    more: () => current.cursor && !busy.current && !current.error && read(current.cursor, current.items),
    extend: (cursor) => !current.cursor && !busy.current && read(cursor, current.items),
    reload: () => setCount((old) => old + 1),
  };
}
