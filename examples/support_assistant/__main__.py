"""Serve the example on loopback; its runs are kept in .perdure/support.db."""

import uvicorn

from examples.support_assistant.app import api
from perdure import configure

configure(world="sqlite:///.perdure/support.db")
uvicorn.run(api, host="127.0.0.1", port=8000)
