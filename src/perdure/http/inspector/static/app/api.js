// Questions to the server, and what is wrong where it can't answer. Paths are relative: the page works under any prefix.
import { trouble } from "./connection.js";
import { queryOf } from "./route.js";

const ROOT = new URL("../api/v1/", document.baseURI);
const PATIENCE_MS = 20_000;

// Why there is no answer. `status` 0: the server wasn't reached. `path`: where in what was sent the mistake lies.
export class Problem extends Error {
  constructor(status, detail, path = null) {
    super(detail);
    this.status = status;
    this.path = path;
  }
}

export function urlOf(path, query) {
  const url = new URL(path, ROOT);
  url.search = queryOf(query).toString();
  return url;
}

// A path of which parts come from outside: `at("runs", id, "events")`.
export const at = (...parts) => parts.map(encodeURIComponent).join("/");

export const ask = (path, query = null, signal = undefined) => answer(urlOf(path, query), { signal });

export const tell = (path, body = {}) =>
  answer(urlOf(path), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function answer(url, options) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let response, body;
  try {
    response = await fetch(url, { ...options, signal, credentials: "same-origin" });
    body = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw noted(new Problem(0, "The server doesn't answer."));
  }
  const document = read(body);
  if (response.ok && document !== undefined) {
    trouble.value = null;
    return document;
  }
  throw noted(new Problem(response.status, sentence(response, document), document?.path ?? null));
}

function noted(problem) {
  if ([0, 502, 503, 504].includes(problem.status)) trouble.value = { kind: "away", detail: problem.message };
  if (problem.status === 401) trouble.value = { kind: "locked", detail: problem.message };
  return problem;
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sentence(response, document) {
  if (document === undefined && response.ok) return "The answer isn't JSON: is this the inspector's server?";
  return document?.detail || document?.title || `The server answered ${response.status}.`;
}
