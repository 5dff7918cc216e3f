"""The chat wire, as front ends demand it: chunks, messages, what ends a stream, sessions. It knows no model and no HTTP."""
