// Which view, of what, how filtered: all in the address's hash, so that a link shows somebody else the same.
import { signal } from "./markup.js";

const VIEWS = new Set(["runs", "hooks", "workers", "workflows"]);

export function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [view, ...rest] = path.split("/");
  let id = rest.join("/") || null;
  try {
    id = id && decodeURIComponent(id);
  } catch {
    // a stray percent sign: it is looked up as it stands
  }
  return { view: view === "" ? "runs" : VIEWS.has(view) ? view : "unknown", id, query: new URLSearchParams(query) };
}

export const route = signal(parsed(location.hash));

addEventListener("hashchange", () => (route.value = parsed(location.hash)));

// `query`: an object of texts, lists and nothings, or URLSearchParams.
export function queryOf(query) {
  if (query instanceof URLSearchParams) return query;
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter((one) => one != null && one !== "").map((one) => [name, one]),
  );
  return new URLSearchParams(pairs);
}

export function hrefOf(view, id = null, query = null) {
  const text = queryOf(query).toString();
  return `#/${view}${id === null ? "" : `/${encodeURIComponent(id)}`}${text && `?${text}`}`;
}

export const runHref = (runId, query = null) => hrefOf("runs", runId, query);

// Somewhere else; `replace`: without a step in the history, as for a filter that is being typed.
export function go(href, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", href);
    route.value = parsed(href);
  } else location.hash = href;
}

// The same view with some of its query changed.
export function turn(changes, { replace = true } = {}) {
  const { view, id, query } = route.value;
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one != null && one !== "") next.append(name, one);
  }
  go(hrefOf(view, id, next), { replace });
}
