"""The inspector's part of the document; that it is whole, tests/http/test_openapi.py says."""

from perdure.http.inspector.act import ACTS
from perdure.http.inspector.openapi import INSPECTOR


def test_every_act_is_there_for_one_and_for_many() -> None:
    posts = {path for _, path, method, _ in INSPECTOR if method == "post"}
    assert posts == {
        "/api/v1/hooks/{token}/resume",
        *(f"/api/v1/runs/{name}" for name in ACTS),
        *(f"/api/v1/runs/{{runId}}/{name}" for name in ACTS),
    }


def test_lists_have_pages() -> None:
    for _, path, method, operation in INSPECTOR:
        names = [each["name"] for each in operation["parameters"]]
        assert ("cursor" in names) <= ("limit" in names), path
        assert (method == "post") == ("requestBody" in operation)
