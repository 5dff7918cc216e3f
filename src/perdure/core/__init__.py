"""The sans-IO replay machine: history, keys, turns, divergence, and the legality of events. No loop, clock or store."""
