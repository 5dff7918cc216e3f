"""W11's client, a process of its own: `python -m benchmarks.chat_client PORT SESSION MESSAGES`.

It sends the messages one after another, each in a chat of its own where SESSION is empty, and prints when it had the first
words of each answer, by `time.perf_counter`: on Linux that is one clock for all processes.
"""

import http.client
import json
import sys
import time


def main(port: str, session: str, messages: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(port))
    print(json.dumps([first_words_at_s(connection, session, number) for number in range(int(messages))]), flush=True)


def first_words_at_s(connection: http.client.HTTPConnection, session: str, number: int) -> float:
    message = {"id": f"m{number}", "role": "user", "parts": [{"type": "text", "text": "1"}]}
    body = {"messages": [message], **({"session": session} if session else {})}
    connection.request("POST", "/api/chat", json.dumps(body))
    answer, at_s = connection.getresponse(), 0.0
    for line in answer:
        if not at_s and b'"text-delta"' in line:
            at_s = time.perf_counter()
    assert answer.status == 200 and at_s, f"{answer.status}: no words"
    return at_s


if __name__ == "__main__":
    main(*sys.argv[1:])
