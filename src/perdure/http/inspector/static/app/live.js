// News from the server, as server-sent events. A page that nobody looks at listens to nothing: browsers allow a host six
// connections in all, and the seventh tab would hang.
import { urlOf } from "./api.js";

const AGAIN_MS = [500, 1_000, 2_000, 5_000, 10_000];

// `query()` is asked at each connection, so that a stream goes on where it was; `handlers` by event; `connected(again)`.
export function follow(path, query, handlers, connected = () => {}) {
  let source = null;
  let timer = 0;
  let failures = 0;
  let times = 0;

  function open() {
    clearTimeout(timer);
    if (source || document.hidden) return;
    source = new EventSource(urlOf(path, query()));
    source.onopen = () => {
      failures = 0;
      connected(times++ > 0);
    };
    source.onerror = () => {
      close();
      timer = setTimeout(open, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
    };
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
  }

  function close() {
    source?.close();
    source = null;
  }

  function seen() {
    if (document.hidden) close();
    else open();
  }

  document.addEventListener("visibilitychange", seen);
  open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(timer);
    close();
  };
}
