"""Answers that went well."""

from perdure.http.answer import answered


def test_an_answer_is_plain_json_that_nobody_keeps() -> None:
    response = answered({"runId": "wrun_1"}, 202, location="/runs/wrun_1")
    assert (response.status_code, response.body) == (202, b'{"runId":"wrun_1"}')
    assert dict(response.headers) == {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "location": "/runs/wrun_1",
        "content-length": "18",
        "content-type": "application/json",
    }
