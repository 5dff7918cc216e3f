"""An HTTP server on an event loop of ours."""

import asyncio
import socket
from typing import Any

import pytest

from perdure.cli.failure import AddressUnusable
from perdure.cli.server import Address, address_of, listening, new_token, page_url, resolved, serving

LOCAL = Address(socket.AF_INET, "127.0.0.1", 0)


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def asked(address: Address) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("host", "number", "local"),
    [
        ("localhost", "127.0.0.1", True),
        ("127.1.2.3", "127.1.2.3", True),
        ("::1", "::1", True),
        ("0.0.0.0", "0.0.0.0", False),
        ("::", "::", False),
        ("192.0.2.1", "192.0.2.1", False),
    ],
)
def test_addresses(host: str, number: str, local: bool) -> None:
    address = resolved(host, 80)
    assert (address.host, address.port, address.is_local) == (number, 80, local)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "not valid"])
def test_names_of_no_host(host: str) -> None:
    with pytest.raises(AddressUnusable) as caught:
        resolved(host, 80)
    assert str(caught.value) == f"{host} port 80 can't be served: there is no host of that name"


def test_an_address_as_a_url() -> None:
    assert str(Address(socket.AF_INET, "127.0.0.1", 80)) == "http://127.0.0.1:80"
    assert str(Address(socket.AF_INET6, "::1", 80)) == "http://[::1]:80"
    assert Address(socket.AF_INET6, "fe80::1%eth0", 80).is_local is False


def test_a_port_that_is_taken() -> None:
    with listening(LOCAL) as listener:
        taken = address_of(listener)
        assert taken.port != 0
        with pytest.raises(AddressUnusable) as caught:
            listening(taken)
    assert str(caught.value) == (
        f"127.0.0.1 port {taken.port} can't be served: something listens there already: choose another --port"
    )


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """Nagle's algorithm is off, on what is accepted too: with it each chunk of a stream comes 40 ms late."""
    with listening(LOCAL) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(
        AddressUnusable, match=r"^192\.0\.2\.1 port 0 can't be served: Cannot assign requested address$"
    ):
        listening(Address(socket.AF_INET, "192.0.2.1", 0))


@pytest.mark.anyio
async def test_served_while_the_block_lasts() -> None:
    with listening(LOCAL) as listener:
        address = address_of(listener)
        async with serving(app, listener) as server:
            answer = await asked(address)
            assert not server.ended.done()
        assert server.ended.done()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")
    assert b"server:" not in answer.lower()
    with pytest.raises(ConnectionRefusedError):
        await asked(address)


@pytest.mark.anyio
async def test_in_a_hurry_requests_are_left_where_they_are() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await end.wait()
        await app(scope, receive, send)

    with listening(LOCAL) as listener:
        async with asyncio.timeout(20):
            async with serving(stuck, listener) as server:
                asking = asyncio.create_task(asked(address_of(listener)))
                await begun.wait()
                server.hurry()
        assert not asking.done()
        end.set()
        assert (await asking).endswith(b"hello")


def test_where_the_page_is() -> None:
    assert page_url("http://127.0.0.1:1", "t") == "http://127.0.0.1:1/inspector/?token=t"
    assert page_url("http://127.0.0.1:1", None) == "http://127.0.0.1:1/inspector/"
    assert (
        page_url("http://127.0.0.1:1", "t&", "#/runs/wrun_1") == "http://127.0.0.1:1/inspector/?token=t%26#/runs/wrun_1"
    )
    assert new_token() != new_token()
    assert len(new_token()) == 32
