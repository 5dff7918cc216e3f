"""A support assistant: it looks orders up, and refunds them once somebody has approved; its page survives a refresh."""
