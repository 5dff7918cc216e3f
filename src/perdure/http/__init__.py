"""perdure over HTTP: `wrap` for an app, `stream_response` for routes of its own."""

from perdure.http.authorization import Action, Authorize, Target, loopback, with_token
from perdure.http.openapi import openapi
from perdure.http.stream import stream_response
from perdure.http.wrap import wrap

__all__ = ["Action", "Authorize", "Target", "loopback", "openapi", "stream_response", "with_token", "wrap"]
