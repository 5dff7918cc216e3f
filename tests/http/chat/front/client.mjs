// A chat client as a browser has it, without the browser: the real transport, through `Chat` of @ai-sdk/react.
// A job a line comes in, what became of it goes out: {messages, status, error, data, requests}; of {chunks}, those that it
// would not take.
import { createServer, connect } from "node:net";
import { createInterface } from "node:readline";
import { Chat } from "@ai-sdk/react";
import { uiMessageChunkSchema } from "ai";

const [name, path] = { ai6: ["@workflow/ai", ""], ai7: ["@ai-sdk/workflow", "/client"] }[process.argv[2]];
const { WorkflowChatTransport } = await import(name + path);
console.error = console.warn = () => {}; // the transports tell of every cut

// The same bytes, but the line breaks after so many events.
function cut(body, kind, after) {
  let events = 0, left = "";
  const text = new TextDecoder();
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) return controller.close();
      left += text.decode(value, { stream: true });
      const frames = left.split("\n\n");
      left = frames.pop();
      for (const frame of frames) {
        if (events === after) break;
        if (frame.startsWith("data:")) events += 1;
        controller.enqueue(new TextEncoder().encode(frame + "\n\n"));
      }
      if (events === after) {
        reader.cancel().catch(() => {});
        kind === "error" ? controller.error(new TypeError("terminated")) : controller.close();
      }
    },
    cancel: () => reader.cancel(),
  });
}

// A line of its own to the server, which is reset after so many events, once.
async function resetting(url, after) {
  const upstream = new URL(url);
  let armed = true;
  const server = createServer((client) => {
    const there = connect(Number(upstream.port), upstream.hostname);
    const mine = armed;
    armed = false;
    let events = 0;
    client.pipe(there);
    const reset = () => (client.resetAndDestroy(), there.destroy());
    there.on("data", (data) => {
      if (!mine) return client.write(data);
      let text = data.toString("latin1");
      if (after === 0 && text.includes("\r\n\r\n")) {
        text = text.slice(0, text.indexOf("\r\n\r\n") + 4);
        client.write(Buffer.from(text, "latin1"), () => setTimeout(reset, 30)); // what isn't read by then is lost
        return there.pause();
      }
      for (const line of text.split(/(?<=\n\n)/)) {
        client.write(Buffer.from(line, "latin1"));
        if (line.includes("data: {")) events += 1;
        if (events === after) return setTimeout(reset, 30), there.pause();
      }
    });
    there.on("end", () => client.end());
    for (const end of [client, there]) end.on("error", () => (client.destroy(), there.destroy()));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return [`http://127.0.0.1:${server.address().port}`, () => server.close()];
}

async function run(job) {
  let [url, close] = job.cut?.kind === "reset" ? await resetting(job.url, job.cut.after) : [job.url, () => {}];
  const requests = [], data = [];
  let cuts = job.cut?.times ?? 1, runId = null;
  const options = {
    api: url + "/api/chat",
    initialStartIndex: job.startIndex ?? 0,
    fetch: async (target, init) => {
      requests.push(`${init?.method ?? "GET"} ${String(target).slice(url.length)}`);
      for (let tries = 0; ; tries++) {
        try {
          const response = await fetch(target, { ...init, headers: { ...init?.headers, ...job.headers, connection: "close" } });
          runId ??= response.headers.get("x-workflow-run-id");
          if (!response.body || !job.cut || job.cut.kind === "reset" || cuts-- <= 0) return response;
          const body = cut(response.body, job.cut.kind, job.cut.after);
          return new Response(body, { status: response.status, headers: response.headers });
        } catch (error) { // a server that is just being started again
          if (!job.patient || tries > 300 || init?.signal?.aborted) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    },
  };
  let failure = null;
  const chat = new Chat({
    id: job.id,
    messages: job.messages ?? [],
    transport: new WorkflowChatTransport(options),
    onError: (error) => (failure = String(error)),
    onData: (part) => data.push(part),
  });
  const busy = job.text === undefined ? chat.resumeStream() : chat.sendMessage({ text: job.text }, { body: job.body });
  if (job.approve) {
    const part = await until(() => chat.messages.at(-1)?.parts.find((part) => part.state === "approval-requested"));
    const answer = await fetch(`${url}/api/chat/${runId}/approvals`, {
      method: "POST",
      body: JSON.stringify({ approvalId: part.approval.id, ...job.approve }),
    });
    requests.push(`approval ${answer.status}`);
  }
  if (job.stop) {
    await until(() => runId && chat.messages.at(-1)?.role === "assistant");
    const answer = await fetch(`${url}/api/chat/${runId}/cancel`, { method: "POST" });
    requests.push(`cancel ${answer.status}`);
  }
  await busy;
  close();
  return { messages: chat.messages, status: chat.status, error: failure, data, requests, runId };
}

async function until(found) {
  for (let tries = 0; tries < 600; tries++) {
    const value = found();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("waited in vain");
}

async function refused(chunks) {
  const found = [];
  for (const chunk of chunks) if (!(await uiMessageChunkSchema().validate(chunk)).success) found.push(chunk);
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  const result = await (job.chunks ? refused(job.chunks) : run(job)).catch((error) => ({ crashed: String(error.stack) }));
  process.stdout.write(JSON.stringify(result) + "\n");
}
process.exit(0);
