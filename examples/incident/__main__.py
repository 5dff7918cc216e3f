"""Serve the example on loopback; its runs are kept in .perdure/incident.db."""

import uvicorn

from examples.incident.app import api
from perdure import configure

configure(world="sqlite:///.perdure/incident.db")
uvicorn.run(api, host="127.0.0.1", port=8000)
