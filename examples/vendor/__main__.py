"""Serve the example on loopback; its runs are kept in .perdure/vendor.db."""

import uvicorn

from examples.vendor.app import api
from perdure import configure

configure(world="sqlite:///.perdure/vendor.db", base_url="http://127.0.0.1:8000")
uvicorn.run(api, host="127.0.0.1", port=8000)
