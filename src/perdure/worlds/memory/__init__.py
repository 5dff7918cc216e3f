"""The memory World: the executable specification of the port. Plain dicts, obviously right, gone with the process."""

from perdure.worlds.memory.world import MemoryWorld

__all__ = ["MemoryWorld"]
