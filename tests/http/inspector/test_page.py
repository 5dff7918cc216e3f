"""The page's files, and the token in its first URL."""

from pathlib import Path

import httpx
import pytest

from perdure.http import with_token, wrap
from perdure.http.inspector import page
from perdure.http.inspector.route import routes
from perdure.http.route import ROUTES
from tests.http.asgi import client
from tests.http.inspector.visit import APP

pytestmark = pytest.mark.anyio
HOST = "127.0.0.1:4321"


@pytest.fixture(autouse=True)
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of this test's own."""
    (tmp_path / "app").mkdir()
    for name, data in (("index.html", "<p>"), ("style.css", "p {}"), ("app/main.js", "1"), ("icon.svg", "<svg/>")):
        (tmp_path / name).write_text(data)
    monkeypatch.setattr(page, "STATIC", tmp_path)
    monkeypatch.setitem(ROUTES, "inspector", routes())
    return tmp_path


def app() -> wrap:
    return wrap(None, routes=("inspector",), authorize=with_token("s3cret"), prefix="/x")


async def get(path: str, **headers: str) -> httpx.Response:
    async with client(app(), host=HOST, **{name.replace("_", "-"): value for name, value in headers.items()}) as http:
        return await http.get(path)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/x/inspector/", "text/html; charset=utf-8", "<p>"),
        ("/x/inspector/index.html", "text/html; charset=utf-8", "<p>"),
        ("/x/inspector/style.css", "text/css; charset=utf-8", "p {}"),
        ("/x/inspector/app/main.js", "text/javascript; charset=utf-8", "1"),
        ("/x/inspector/icon.svg", "image/svg+xml", "<svg/>"),
    ],
)
async def test_files(path: str, kind: str, body: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, kind, body)
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    told = {name: answer.headers[name] for name in ("cache-control", "x-content-type-options", "referrer-policy")}
    assert told == {"cache-control": "no-cache", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    again = await get(path, if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert (await get(path, if_none_match='"other"')).status_code == 200


async def test_a_file_that_changed_has_another_tag(static: Path) -> None:
    before = (await get("/x/inspector/style.css")).headers["etag"]
    (static / "style.css").write_text("p { color: red }")
    assert (await get("/x/inspector/style.css", if_none_match=before)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/inspector/", "/x/inspector/app/", "/x/inspector/app", "/x/inspector/../page.py", "/x/inspector/%2e%2e/page.py",
     "/x/inspector/..%2Fpage.py", "/x/inspector//index.html", "/x/inspector/none.js"],
)  # fmt: skip
async def test_there_is_nothing_else(path: str) -> None:
    assert (await get(path)).status_code == 404


async def test_it_is_a_folder() -> None:
    answer = await get("/x/inspector?a=b")
    assert (answer.status_code, answer.headers["location"]) == (307, "inspector/?a=b")
    assert (await get("/x/inspector")).headers["location"] == "inspector/"


async def test_a_token_that_passes_becomes_a_cookie() -> None:
    answer = await get("/x/inspector/?token=s3cret")
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "./", b"")
    assert answer.headers["cache-control"] == "no-store"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name == "perdure_4321=s3cret"
    assert {each.lower() for each in attributes} == {"httponly", "path=/", "samesite=strict"}
    assert (await get("/x/api/v1/session", cookie=name)).status_code == 200
    assert (await get("/x/api/v1/session")).status_code == 401


async def test_a_token_that_doesnt_is_no_cookie() -> None:
    for path, host in (("/x/inspector/?token=no", HOST), ("/x/inspector/?token=s3cret", "evil.example")):
        async with client(app(), host=host) as http:
            answer = await http.get(path)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)


async def test_one_that_was_installed_without_it(static: Path) -> None:
    (static / "index.html").unlink()
    async with client(APP) as http:
        answer = await http.get("/inspector/")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "the page isn't here: this perdure was installed without it"
