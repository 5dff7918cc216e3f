// A chat client without packages. The session's name is in the page's address, and all that was said is the server's to keep:
// a page that is loaded again, or elsewhere, begins with that, and goes on with the answer that is under way. The page keeps
// only what the server hasn't taken yet.
const [list, ask, text, stop, who, state] = ["messages", "ask", "text", "stop", "who", "state"].map((id) =>
  document.getElementById(id),
);
const session = location.hash.slice(1) || crypto.randomUUID();
location.hash = session;
const unsent = new Map(JSON.parse(sessionStorage.getItem(session) ?? "[]"));
let messages = [];
let answering = null; // what the answer that is under way is called
let turns = Promise.resolve(); // each answer is shown when those before it are

const call = (path, options) => fetch(`/api/chat${path}`, { headers: { "x-user": who.value, "x-ai-sdk-version": "7" }, ...options });
const post = (path, body) => call(path, { method: "POST", body: JSON.stringify(body) });
const pause = () => new Promise((resolve) => setTimeout(resolve, 500));

function show() {
  list.replaceChildren(...messages.map(shown));
  stop.hidden = answering === null;
}

function shown(message) {
  const item = document.createElement("li");
  item.className = message.role;
  for (const part of message.parts) {
    if (part.type === "text") item.append(part.text);
    if (part.type.startsWith("tool-")) item.append(toolCall(part));
  }
  return item;
}

function toolCall(part) {
  const line = document.createElement("p");
  const code = document.createElement("code");
  code.textContent = `${part.type.slice(5)} ${JSON.stringify(part.input ?? "…")} ${part.state}`;
  line.append(code);
  if (part.state === "approval-requested") {
    for (const [name, approved] of [["Approve", true], ["Refuse", false]]) {
      const button = document.createElement("button");
      button.textContent = name;
      button.onclick = () => decide(part.approvalId, approved);
      line.append(" ", button);
    }
  }
  return line;
}

async function decide(approvalId, approved) {
  const { status } = await post(`/${answering}/approvals`, { approvalId, approved });
  if (status === 403) state.textContent = "it is for the shop to decide";
}

// What one chunk does to the answer.
function take(answer, chunk) {
  const find = (key, value) => answer.parts.find((part) => part[key] === value);
  const tool = find("toolCallId", chunk.toolCallId);
  const { type } = chunk;
  if (type === "start-step") answer.parts.push({ type: "step-start" });
  else if (type === "reset-step") answer.parts.splice(answer.parts.findLastIndex((part) => part.type === "step-start") + 1);
  else if (type === "text-start") answer.parts.push({ type: "text", id: chunk.id, text: "" });
  else if (type === "text-delta") find("id", chunk.id).text += chunk.delta;
  else if (type === "tool-input-start") answer.parts.push({ type: `tool-${chunk.toolName}`, toolCallId: chunk.toolCallId, state: "…" });
  else if (type === "tool-input-available") Object.assign(tool, { input: chunk.input, state: "is called" });
  else if (type === "tool-approval-request") Object.assign(tool, { state: "approval-requested", approvalId: chunk.approvalId });
  else if (type === "tool-output-available") Object.assign(tool, { output: chunk.output, state: "output-available" });
  else if (type.startsWith("tool-output-")) Object.assign(tool, { errorText: chunk.errorText ?? "denied", state: type.slice(5) });
  else if (type === "error") answer.parts.push({ type: "text", text: chunk.errorText });
}

// Read an answer from its first chunk on until `finish`, however often the line drops.
async function follow(question, name, response) {
  const answer = { id: name, role: "assistant", parts: [] };
  messages.splice(messages.indexOf(question) + 1, 0, answer);
  answering = name;
  for (let count = 0, finished = false; !finished; response = null) {
    try {
      response ??= await call(`/${name}/stream?startIndex=${count}`);
      if (!response.ok) throw new Error(response.statusText);
      state.textContent = "answering";
      for await (const chunk of chunks(response.body)) {
        count += 1;
        take(answer, chunk);
        finished = chunk.type === "finish";
        show();
      }
    } catch {
      state.textContent = "reconnecting";
      await pause();
    }
  }
  answering = null;
  state.textContent = "ready";
  show();
}

async function* chunks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let left = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (left + value).split("\n\n");
    left = frames.pop();
    for (const frame of frames) if (frame.startsWith("data: {")) yield JSON.parse(frame.slice(6));
  }
}

// The same message again has the same answer: so it is sent until it is taken. Null: the server won't have it.
async function send(message) {
  for (;;) {
    const response = await post("", { messages: [message], session }).catch(() => null);
    if (response?.status < 500) {
      unsent.delete(message.id);
      keep();
      if (!response.ok) state.textContent = `refused: ${(await response.json()).detail ?? response.status}`;
      return response.ok ? response : null;
    }
    state.textContent = "sending again";
    await pause();
  }
}

function say(message) {
  unsent.set(message.id, message);
  keep();
  const sent = send(message);
  turns = turns.then(async () => {
    const response = await sent;
    if (response) await follow(message, response.headers.get("x-workflow-run-id"), response);
  });
}

const keep = () => sessionStorage.setItem(session, JSON.stringify([...unsent]));

async function begin() {
  const response = await call(`/${session}/messages`);
  const kept = response.ok ? await response.json() : { messages: [], queued: [] }; // nothing was said yet
  for (const { id } of kept.messages) unsent.delete(id);
  const waiting = new Map([...kept.queued.map((message) => [message.id, message]), ...unsent]);
  messages = [...kept.messages, ...waiting.values()];
  show();
  if (kept.resume) turns = follow(kept.messages.at(-1), kept.resume);
  waiting.forEach(say);
}

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = { id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text: text.value }] };
  text.value = "";
  messages.push(message);
  show();
  say(message);
});
stop.addEventListener("click", () => post(`/${answering}/cancel`, {}));

begin();
