"""Django, which answers no lifespan: `wrap` starts the worker, serves its own routes, and passes everything else on."""

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from perdure import start
from perdure.api.connect import CONNECTION
from perdure.http import loopback, wrap
from tests.http.asgi import client, serving
from tests.http.flows import greet

pytestmark = pytest.mark.anyio


async def begin(request: HttpRequest) -> JsonResponse:
    """A view of the app's own that starts a run."""
    run = await start(greet, request.GET["name"])
    return JsonResponse({"runId": run.run_id, "result": await run.result()}, status=202)


urlpatterns = [path("begin", begin)]
if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of a test", DEBUG=False)


async def test_an_app_of_its_own_is_wrapped(anyio_backend: str) -> None:
    app = wrap(get_asgi_application(), routes=("runs",), authorize=loopback)
    async with serving(app), client(app, host="127.0.0.1") as asked:
        assert (await CONNECTION.engine()).worker is not None
        begun = await asked.get("/begin?name=Ann")
        assert (begun.status_code, begun.json()["result"]) == (202, "hello Ann")
        told = await asked.get(f"/runs/{begun.json()['runId']}")
        assert told.json()["status"] == "completed"
        assert (await asked.get("/nothing")).status_code == 404
