// The run's id is in the page's address, so that a reload, or another person with the link, sees the same run.
const state = document.querySelector("#state");
const bar = document.querySelector("#bar");
const log = document.querySelector("#log");

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

document.querySelector("#begin").addEventListener("click", async () => {
  const answer = await fetch("/ingestions", { method: "POST" });
  const { runId } = await answer.json();
  location.hash = runId;
  log.replaceChildren();
  follow(runId);
});

if (location.hash) follow(location.hash.slice(1));
