"""A shop fulfils the orders of an export, while its payment provider misbehaves and its worker is killed.

Read `workflows.py` first: it is the program. Around it: `orders.py` reads the export, `gateway.py` talks to the
provider, `provider.py` is the provider, `audit.py` asks its ledger who was right, `__main__.py` directs the demo.
"""
