"""What checks may look at."""

from pathlib import Path

from tests.testing.scorecard.written import FLOW, STEP, subject

READING = (
    "@step\nasync def look() -> str:\n    return (await client.get('/x')).text\n@step\nasync def idle() -> None: ...\n"
)


def test_steps_by_what_they_do(folder: Path) -> None:
    about = subject(folder, READING + STEP + "    await client.post('/x')\n" + FLOW)
    assert [(step.qualname, len(effects)) for step, effects in about.effects] == [("look", 1), ("idle", 0), ("act", 1)]
    assert [step.qualname for step, _ in about.outside] == ["look", "act"]
    assert [step.qualname for step, _ in about.unsafe] == ["act"]
    assert not about.hooks and not about.app.there
