"""What real processes on a real store left behind, read as the evidence that the history checker takes.

The programs, the clients and the rules are those of the simulation; the store, the processes and the faults are real.
"""
