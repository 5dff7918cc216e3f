// The ids of the runs are in the page's address, so that a reload, or another person with the link, sees the same.
const [begin, state, bar, log, ask, question, answer] = ["begin", "state", "bar", "log", "ask", "question", "answer"].map((id) =>
  document.getElementById(id),
);
const runs = new URLSearchParams(location.hash.slice(1));

function remember(name, runId) {
  runs.set(name, runId);
  location.hash = runs;
}

function follow(runId) {
  state.textContent = "connecting";
  const events = new EventSource(`/ingestions/${runId}/stream`);
  events.onopen = () => (state.textContent = "running");
  events.onmessage = (event) => {
    const { done, total, text } = JSON.parse(event.data);
    bar.max = total;
    bar.value = done;
    const line = document.createElement("li");
    line.textContent = text; // never as HTML: it holds names of files
    log.append(line);
    if (text.startsWith("done")) {
      state.textContent = "done";
      events.close();
    }
  };
  events.onerror = () => (state.textContent = events.readyState === EventSource.CLOSED ? "lost" : "reconnecting");
}

// A chat's stream is read from its beginning each time: its events have no ids to go on from.
function listen(runId) {
  let parts;
  const events = new EventSource(`/api/chat/${runId}/stream?ai=7`);
  events.onopen = () => (parts = []);
  events.onmessage = (event) => {
    if (event.data === "[DONE]") return events.close();
    const chunk = JSON.parse(event.data);
    if (chunk.type === "start-step") parts.push("");
    if (chunk.type === "reset-step") parts[parts.length - 1] = "";
    if (chunk.type === "text-delta") parts[parts.length - 1] += chunk.delta;
    if (chunk.type === "error") parts.push(chunk.errorText);
    answer.textContent = parts.join("").trim();
    answer.ariaBusy = chunk.type !== "finish";
  };
  events.onerror = () => events.readyState === EventSource.CLOSED && (answer.textContent = "The answer is lost.");
}

begin.addEventListener("click", async () => {
  const response = await fetch("/ingestions", { method: "POST" });
  const { runId } = await response.json();
  remember("ingestion", runId);
  log.replaceChildren();
  follow(runId);
});

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = { id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text: question.value }] };
  const response = await fetch("/api/chat", { method: "POST", body: JSON.stringify({ messages: [message] }) });
  const runId = response.headers.get("x-workflow-run-id");
  response.body.cancel();
  remember("answer", runId);
  listen(runId);
});

if (runs.has("ingestion")) follow(runs.get("ingestion"));
if (runs.has("answer")) listen(runs.get("answer"));
