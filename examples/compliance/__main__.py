"""Serve the example on loopback; its runs are kept in .perdure/compliance.db."""

import uvicorn

from examples.compliance.app import api
from perdure import configure

configure(world="sqlite:///.perdure/compliance.db")
uvicorn.run(api, host="127.0.0.1", port=8000)
