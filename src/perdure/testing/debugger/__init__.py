"""The debugger: a recorded run, replayed up to any of its events, with pdb in the frames of its workflow.

`recording` says what can be gone to, `replay` goes there, `stack` and `task` find the frames, `sight` tells what is seen;
`prompt` is for a person, by way of `tracer`, which is pdb. No step is run and nothing is written; back is another replay,
from the start.
"""
