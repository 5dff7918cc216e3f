"""Ingest documents and ask about them, or (`--serve`) have a page do that, on loopback; runs are kept in .perdure."""

import argparse
import asyncio
from pathlib import Path
from uuid import uuid4

import uvicorn

from examples.ingestion.app import DOCUMENTS, api
from examples.ingestion.workflows import Progress, ask, ingest
from perdure import close, configure, start

QUESTIONS = (
    "What happens to runs in flight when I change the code?",
    "What becomes of a message that comes while the agent works?",
)


async def show(folder: str, questions: list[str]) -> None:
    run = await start(ingest, folder)
    async for progress in run.readable(Progress):
        print(f"{progress.done:3} of {progress.total}  {progress.text}")
    await run.result()
    for question in questions:
        asked = await start(ask, [{"id": uuid4().hex, "role": "user", "parts": [{"type": "text", "text": question}]}])
        answer = await asked.result()
        print(f"\n{question}\n\n{answer.text.strip()}\n\nSources:", *(answer.sources or ["none"]), sep="\n  ")
    await close()


arguments = argparse.ArgumentParser(prog="python -m examples.ingestion", description=__doc__)
arguments.add_argument(
    "questions", nargs="*", default=QUESTIONS, help="what to ask; two questions of its own otherwise"
)
arguments.add_argument(
    "--folder", type=Path, default=DOCUMENTS, help="of Markdown documents; the project's own otherwise"
)
arguments.add_argument("--serve", action="store_true", help="serve the page at http://127.0.0.1:8000")
given = arguments.parse_args()

configure(world="sqlite:///.perdure/ingestion.db", base_url="http://127.0.0.1:8000")
if given.serve:
    uvicorn.run(api, host="127.0.0.1", port=8000)
else:
    asyncio.run(show(str(given.folder.resolve()), given.questions))
