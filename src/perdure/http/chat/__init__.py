"""Chats over HTTP: what real front ends demand of the routes that serve them."""
