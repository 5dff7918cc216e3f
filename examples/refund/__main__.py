"""Serve the example on loopback; its runs are kept in .perdure/refund.db."""

import uvicorn

from examples.refund.app import api
from perdure import configure

configure(world="sqlite:///.perdure/refund.db", base_url="http://127.0.0.1:8000")
uvicorn.run(api, host="127.0.0.1", port=8000)
