// A chat client without packages: it counts events, and goes on where it was. The chat is kept in the session's storage, so
// that a refresh finds it again; the run's id and the count are all that the answer needs.
const [list, ask, text, stop, state] = ["messages", "ask", "text", "stop", "state"].map((id) => document.getElementById(id));
const chat = JSON.parse(sessionStorage.getItem("chat") ?? '{"messages": [], "run": null}');
const keep = () => sessionStorage.setItem("chat", JSON.stringify(chat));

function show() {
  list.replaceChildren(...chat.messages.map(shown));
}

function shown(message) {
  const item = document.createElement("li");
  item.className = message.role;
  for (const part of message.parts) {
    if (part.type === "text") item.append(part.text);
    if (part.type.startsWith("tool-")) item.append(call(part));
  }
  return item;
}

function call(part) {
  const line = document.createElement("p");
  const code = document.createElement("code");
  code.textContent = `${part.type.slice(5)} ${JSON.stringify(part.input ?? "…")} ${part.state}`;
  line.append(code);
  if (part.state === "approval-requested") {
    for (const [name, approved] of [["Approve", true], ["Refuse", false]]) {
      const button = document.createElement("button");
      button.textContent = name;
      button.onclick = () => post(`/api/chat/${chat.run}/approvals`, { approvalId: part.approvalId, approved });
      line.append(" ", button);
    }
  }
  return line;
}

const post = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body) });

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

// Read from the first chunk on until `finish`, however often the line drops.
async function follow(response) {
  const answer = { id: "answer", role: "assistant", parts: [] };
  const messages = chat.messages;
  chat.messages = [...messages, answer];
  stop.hidden = false;
  for (let count = 0, finished = false; !finished; ) {
    try {
      response ??= await fetch(`/api/chat/${chat.run}/stream?startIndex=${count}`, { headers: { "x-ai-sdk-version": "7" } });
      if (!response.ok) throw new Error(response.statusText);
      state.textContent = "answering";
      for await (const event of events(response.body)) {
        count += 1;
        take(answer, event);
        finished = event.type === "finish";
        show();
      }
    } catch {
      state.textContent = "reconnecting";
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    response = null;
  }
  chat.run = null;
  keep();
  stop.hidden = true;
  state.textContent = "ready";
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let left = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (left + value).split("\n\n");
    left = frames.pop();
    for (const frame of frames) if (frame.startsWith("data: {")) yield JSON.parse(frame.slice(6));
  }
}

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  chat.messages.push({ id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text: text.value }] });
  text.value = "";
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "x-ai-sdk-version": "7" },
    body: JSON.stringify({ messages: chat.messages.map(({ id, role, parts }) => ({ id, role, parts })) }),
  });
  chat.run = response.headers.get("x-workflow-run-id");
  keep();
  show();
  await follow(response);
});
stop.addEventListener("click", () => post(`/api/chat/${chat.run}/cancel`, {}));

show();
if (chat.run) follow();
