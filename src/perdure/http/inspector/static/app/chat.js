// From the AI SDK's chunks of UI messages to what a person reads: messages of texts, thoughts, calls of tools. Pure.
import { voidAmong } from "./void.js";

const PREFIXES = ["text-", "reasoning-", "tool-", "source-", "data-"];
const WORDS = "start finish start-step finish-step reset-step abort error file message-metadata".split(" ");

export const isUiChunk = (value) =>
  typeof value === "object" && value !== null && typeof value.type === "string" &&
  (WORDS.includes(value.type) || PREFIXES.some((prefix) => value.type.startsWith(prefix))); // prettier-ignore

// How chunks are best shown: `text`, `chat`, or `values`.
export function formOf(chunks) {
  if (chunks.length && chunks.every(({ value }) => typeof value === "string")) return "text";
  if (chunks.length && chunks.every(({ value }) => isUiChunk(value))) return "chat";
  return "values";
}

// Messages, each `{id, parts, done}`, of the chunks that count; a part is `{kind, id, text, …}`.
export function messagesOf(chunks) {
  const messages = [];
  const isVoid = voidAmong(chunks);
  for (const chunk of chunks) if (!isVoid(chunk) && isUiChunk(chunk.value)) take(messages, chunk.value);
  return messages;
}

const str = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

function take(messages, chunk) {
  const { type } = chunk;
  if (type === "start") {
    messages.push({ id: str(chunk.messageId), parts: [], done: false });
    return;
  }
  if (!messages.length || messages.at(-1).done) messages.push({ id: "", parts: [], done: false });
  const message = messages.at(-1);
  const [kind, act] = [type.slice(0, type.indexOf("-")), type.slice(type.indexOf("-") + 1)];
  if (type === "finish" || type === "abort") {
    message.done = true;
    if (type === "abort") message.parts.push({ kind: "error", text: "It was aborted." });
  } else if (type === "error") message.parts.push({ kind: "error", text: str(chunk.errorText) });
  else if (kind === "text" || kind === "reasoning") takeText(message.parts, kind, act, chunk);
  else if (kind === "tool") takeTool(message.parts, act, chunk);
  else if (kind === "source")
    message.parts.push({ kind, text: str(chunk.title ?? chunk.filename ?? chunk.url), url: str(chunk.url) });
  else if (type === "file") message.parts.push({ kind: "file", text: str(chunk.mediaType), url: str(chunk.url) });
  else if (kind === "data") takeData(message.parts, act, chunk);
}

// A delta without its beginning (it lies before the window) begins a part too.
function takeText(parts, kind, act, { id, delta }) {
  let part = parts.findLast((one) => one.kind === kind && one.id === id && !one.done);
  if (act === "start" || !part) {
    part = { kind, id, text: "", done: false };
    parts.push(part);
  }
  if (act === "delta") part.text += str(delta);
  if (act === "end") part.done = true;
}

function takeTool(parts, act, chunk) {
  if (act === "approval-response") {
    const asked = parts.findLast((one) => one.kind === "tool" && one.approvalId === chunk.approvalId);
    if (asked && chunk.approved) asked.state = "running";
    return;
  }
  let part = parts.findLast((one) => one.kind === "tool" && one.id === chunk.toolCallId);
  if (!part) {
    part = { kind: "tool", id: chunk.toolCallId, name: "", text: "", state: "input" };
    parts.push(part);
  }
  if (chunk.toolName) part.name = str(chunk.toolName);
  if (act === "input-delta") part.text += str(chunk.inputTextDelta);
  if (act === "input-available") Object.assign(part, { input: chunk.input, state: "running" });
  if (act === "output-available") Object.assign(part, { output: chunk.output, state: "completed" });
  if (act === "approval-request") Object.assign(part, { approvalId: chunk.approvalId, state: "waiting" });
  if (act === "output-denied") Object.assign(part, { error: "It was denied.", state: "failed" });
  if (act.endsWith("error"))
    Object.assign(part, { input: chunk.input ?? part.input, error: str(chunk.errorText), state: "failed" });
}

// Data with an id is replaced by what comes later under it.
function takeData(parts, name, { id, data }) {
  const old =
    id === undefined ? undefined : parts.find((one) => one.kind === "data" && one.id === id && one.name === name);
  if (old) old.data = data;
  else parts.push({ kind: "data", id, name, data });
}
