"""Worlds: adapters of the port in `perdure.world`, ignorant of each other. Only `perdure.api.connect` names them."""
