"""A support assistant: it looks orders up, and refunds them once somebody of the shop has approved.

A chat of many turns is one run, and its page survives a refresh.
"""
