"""The debugger's prompt: pdb in the frames of a recorded run's workflow, and commands that go to events, forward and back.

From a stop on the replay goes on under pdb's trace. Whatever goes to an event starts another replay.
"""

import sys
from types import FrameType
from typing import Any, Literal, cast

from perdure.errors import UsageError
from perdure.testing.debugger.recording import Recording, is_reached
from perdure.testing.debugger.replay import Replay
from perdure.testing.debugger.sight import named, sentence_of, waits_for
from perdure.testing.debugger.stack import Place
from perdure.testing.debugger.task import Branch, branches_of, index_of, stack_of
from perdure.testing.debugger.tracer import Tracer

Way = Literal["on", "away"] | int | None
"""Where to go from a prompt: on with this replay, away, to the state after an event, or (None) to the end of the log."""


class Prompt(Tracer):
    """`explore` a recording. `options`: as for a Tracer."""

    def __init__(self, recording: Recording, **options: Any) -> None:
        super().__init__(**options)
        self._recording = recording
        self._way: Way = "on"
        self._blind = ""
        self._branches: list[Branch] = []
        self._index = 0

    def explore(self, until: int | None) -> None:
        """From the state after this event on (None: where the log ends), until the person leaves. Outside of tasks.

        Raises: UsageError where there is no such event, or no frame of the workflow's that could be looked at.
        """
        self._way = until
        while not isinstance(self._way, str):
            self._replay, self._blind = Replay(self._recording, self._look, self._way), ""
            self._way = "away"
            self._replay.run()
            if self._blind:
                raise UsageError(f"{self._blind}; no frame of your own code is there to be looked at")

    # -- at a stop

    def _look(self, replay: Replay) -> None:
        self.reset()
        self.botframe = sys._getframe()  # pyright: ignore[reportPrivateUsage]
        self.interaction(replay.frame, None, sentence_of(replay))
        for frame, _ in stack_of(self._branches, self._index):
            frame.f_trace = self.trace_dispatch
        sys.settrace(self.trace_dispatch)

    def interaction(  # pyright: ignore[reportIncompatibleMethodOverride] - a name that changes with Python's version
        self, frame: FrameType | None, tb_or_exc: Any = None, sentence: str = ""
    ) -> None:
        """A prompt. `sentence`: what is said first. Never returns where the person goes elsewhere."""
        replay = self._replay
        replay.frame = frame
        self._branches = branches_of(replay)
        self._index = index_of(replay, self._branches)
        if not stack_of(self._branches, self._index):
            self._blind = sentence_of(replay)
            replay.leave()
        self._way = "on"
        self.prompt = f"(event {replay.seq}) "
        if sentence:
            self.message(sentence)
        with replay.body.looked_at():
            super().interaction(frame, None)
        if self._way != "on":
            replay.leave()

    def get_stack(self, f: FrameType | None, t: Any) -> tuple[list[Place], int]:
        stack = stack_of(self._branches, self._index)
        return stack, len(stack) - 1

    def setup(self, f: FrameType | None, tb: Any) -> Any:
        done, raised = super().setup(f, tb), cast(Any, self).tb_lineno
        raised.update((frame, line) for frame, line in self.stack if line != frame.f_lineno)  # gone on to its `finally`
        return done

    def postcmd(self, stop: Any, line: str) -> Any:
        if stop and self._way == "on" and self._replay.is_over:
            self.message("Nothing follows: `back`, `goto N`, or `quit`.")
            return False
        return super().postcmd(stop, line)

    # -- commands

    def do_event(self, arg: str) -> bool | None:
        """event [N]
        Go to the state just after event N of the run's log. Without a number: tell where it stands.
        """
        if not arg:
            self.message(sentence_of(self._replay))
            return None
        return self.do_goto(arg)

    def do_goto(self, arg: str) -> bool | None:
        """goto N
        Go to the state just after event N of the run's log.
        """
        try:
            return self._go(self._recording.event(int(arg)).seq)
        except ValueError:
            self.error(f"{arg!r} is no number: write goto N, with the number of an event as `events` lists them")
        except UsageError as error:
            self.error(str(error))
        return None

    def do_back(self, arg: str) -> bool | None:
        """back
        Go to the event before this one that the body asked for or got. The run is replayed up to there.
        """
        seq = self._recording.reached_before(self._replay.seq)
        if seq is None:
            self.error("nothing is before this event")
            return None
        return self._go(seq)

    def do_next(self, arg: str) -> Any:
        """n(ext)
        Go on to the next line of this function.
        n(ext) event
        Go to the next event that the body asks for or gets.
        """
        if arg != "event":
            return super().do_next(arg)
        seq = self._recording.reached_after(self._replay.seq)
        if not self._replay.is_over:
            return self._go(seq)
        self.error("nothing follows this event")
        return None

    do_n = do_next

    def do_events(self, arg: str) -> None:
        """events
        List the events of the log. -> is where the body stands; what is in brackets changes nothing in it.
        """
        for event in self._recording.events:
            told = named(event) if is_reached(event) else f"[{named(event)}]"
            self.message(f"{'->' if event.seq == self._replay.seq else '':2} {event.seq:>4}  {told}")

    def do_tasks(self, arg: str) -> None:
        """tasks
        List the branches of the body that are under way: what `gather` and `TaskGroup` run beside each other.
        """
        for index, branch in enumerate(self._branches):
            line = ""
            if branch.stack:
                frame, number = branch.stack[-1]
                line = f" {frame.f_code.co_filename}({number}){frame.f_code.co_name}()"
            mark = "->" if index == self._index else ""
            self.message(f"{mark:2} {index + 1:>4}  {branch.name} ({branch.path}){line}{waits_for(branch.awaited)}")

    def do_task(self, arg: str) -> None:
        """task K
        Look at the frames of the branch with this number in the list that `tasks` gives.
        """
        if not arg.isdecimal() or not 1 <= int(arg) <= len(self._branches):
            self.error(f"there is no task {arg!r}: `tasks` lists 1 to {len(self._branches)}")
            return
        self._index = int(arg) - 1
        if not self._branches[self._index].stack:
            self.message("It runs none of your own code: these are the frames of the task that made it.")
        super().setup(None, None)
        self.print_stack_entry(self.stack[self.curindex])

    def do_run(self, arg: str) -> bool | None:
        """run
        Go to where the body begins.
        """
        return self._go(self._recording.started_seq)

    do_restart = do_run

    def do_quit(self, arg: str) -> bool:
        """q(uit)
        Leave the debugger. Nothing of the run has changed.
        """
        self._way = "away"
        return True

    do_q = do_exit = do_quit

    def do_EOF(self, arg: str) -> bool:
        """EOF
        As quit.
        """
        self.message("")
        return self.do_quit(arg)

    def _go(self, seq: int | None) -> bool:
        self._way = seq
        return True
