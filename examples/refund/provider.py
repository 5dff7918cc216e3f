"""The payment provider, and the mail: an HTTP app with a ledger, which knows idempotency keys and is sometimes busy. Ledger
and mails are by key."""

from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI, Header, HTTPException

app = FastAPI()
refunds: dict[str, dict[str, Any]] = {}
mails: dict[str, dict[str, Any]] = {}
busy: Iterator[bool] = iter(())


def reset(*, busy_first: int = 0) -> None:
    """An empty ledger; the first so many refunds are told to come back later."""
    global busy
    refunds.clear()
    mails.clear()
    busy = iter([True] * busy_first)


@app.post("/mail", status_code=202)
async def send_mail(mail: dict[str, Any], idempotency_key: str = Header()) -> None:
    mails.setdefault(idempotency_key, mail)


@app.post("/refunds", status_code=201)
async def make_refund(refund: dict[str, Any], idempotency_key: str = Header()) -> dict[str, Any]:
    if next(busy, False):
        raise HTTPException(429, "too many refunds")
    if float(refund["amount"]) > 1000:
        raise HTTPException(422, "over the limit of this account")
    known = refunds.get(idempotency_key)
    if known is not None:
        raise HTTPException(409, known["id"])
    refunds[idempotency_key] = {"id": f"re_{len(refunds) + 1}", **refund}
    return refunds[idempotency_key]


client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://payments.example")
