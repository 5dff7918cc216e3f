"""`run.fork`: a new run with what another recorded before a step; what isn't repeated, what is, and what can't be."""

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from perdure import (
    ArgumentsInvalid,
    EncodeError,
    HookConflict,
    Retry,
    Run,
    RunFailed,
    RunNotFound,
    UsageError,
    create_hook,
    get_run,
    get_step_metadata,
    get_workflow_metadata,
    list_runs,
    now,
    patched,
    random,
    resume_hook,
    set_attributes,
    sleep,
    start,
    step,
    uuid4,
    workflow,
)
from tests.api.following import facts, types_of, until, waiting_for
from tests.api.ways import in_every_way

pytestmark = pytest.mark.anyio

seen: list[Any] = []
gate: list[asyncio.Event] = []
rate: list[int] = []


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    seen.clear()
    rate[:] = [1]
    gate[:] = [asyncio.Event()]
    yield


@step
async def reserves(what: str) -> str:
    seen.append(("reserve", what))
    return f"reserved {what}"


@step
async def charges(amount: int) -> int:
    seen.append(("charge", amount, get_step_metadata().step_id))
    return amount * rate[0]


@step
async def ships(where: str = "here") -> str:
    seen.append(("ship", where))
    return f"shipped to {where}"


@step(name="fork:slow")
async def slowly() -> str:
    seen.append("slow")
    await gate[0].wait()
    return "slow"


def done(what: str) -> int:
    return sum(each == what or each[0] == what for each in seen)


@workflow
async def fulfils(order: str, amount: int = 1, where: str = "here") -> list[Any]:
    return [await reserves(order), await charges(amount), await ships(where)]


async def test_what_was_done_before_isnt_done_again() -> None:
    run = await start(fulfils, "tea", amount=2)
    assert await run.result() == ["reserved tea", 2, "shipped to here"]
    rate[0] = 10
    fork = await run.fork("charges")
    assert await fork.result() == ["reserved tea", 20, "shipped to here"]
    assert (done("reserve"), done("charge"), done("ship")) == (1, 2, 2)
    first, second = (each[2] for each in seen if each[0] == "charge")
    assert first != second, "the fork's steps have ids of their own"
    [created] = await facts(fork, "run_created")
    assert created["forkedFrom"] == {"run_id": run.run_id, "seq": 5, "turn": 1}
    assert await run.result() == ["reserved tea", 2, "shipped to here"], "the original is as it was"


async def test_a_step_by_its_id_or_a_beginning_of_it() -> None:
    run = await start(fulfils, "tea")
    await run.result()
    ids = [info.step_id async for info in run.steps()]
    for text in (ids[2], ids[2][:20]):
        assert await (await run.fork(text)).result() == ["reserved tea", 1, "shipped to here"]
    assert (done("reserve"), done("charge"), done("ship")) == (1, 1, 3)


async def test_from_the_first_step_nothing_is_taken_over() -> None:
    run = await start(fulfils, "tea")
    await run.result()
    assert (await (await run.fork("reserves", input={"order": "milk"})).result())[0] == "reserved milk"


async def test_an_edited_input_that_fits() -> None:
    run = await start(fulfils, "tea", amount=2)
    await run.result()
    fork = await run.fork("ships", input={"where": "there"}, by="ann")
    assert await fork.result() == ["reserved tea", 2, "shipped to there"]
    [created] = await facts(fork, "run_created")
    assert (created["input"], created["by"]) == ({"order": "tea", "amount": 2, "where": "there"}, "ann")
    assert done("charge") == 1


async def test_an_edited_input_that_doesnt_fit_starts_nothing() -> None:
    run = await start(fulfils, "tea", amount=2)
    await run.result()
    with pytest.raises(UsageError) as caught:
        await run.fork("ships", input={"amount": 3})
    step_id = [info.step_id async for info in run.steps()][2]
    said = str(caught.value)
    assert said.startswith(f"run {run.run_id} can't be forked from {step_id}: the code doesn't fit the log in turn 1: ")
    assert 'charges({"amount":2}), attempted at' in said
    assert 'charges({"amount":3})' in said
    with pytest.raises(ArgumentsInvalid, match=r"amount: .*int"):
        await run.fork("ships", input={"amount": "many"})
    with pytest.raises(ArgumentsInvalid, match=r"it has no parameter 'colour'$"):
        await run.fork("ships", input={"colour": "red"})


@step
async def asks_gateway(amount: int) -> bool:
    seen.append("gateway")
    return True


@step
async def refuses(why: str = "") -> str:
    seen.append(("refuse", why))
    return f"refused {why}".strip()


@workflow
async def pays(amount: int) -> str:
    reserved, allowed = await asyncio.gather(reserves("tea"), asks_gateway(amount))
    try:
        paid = await charges(amount)
    except ValueError as error:
        return await refuses(str(error))
    return f"{reserved}, paid {paid}" if allowed else await refuses()


async def test_what_would_have_happened_had_a_step_come_to_something_else() -> None:
    run = await start(pays, 5)
    assert await run.result() == "reserved tea, paid 5"
    calls = len(seen)
    fork = await run.fork(outputs={"charges": ValueError("no money")})
    assert await fork.result() == "refused no money"
    assert seen[calls:] == [("refuse", "no money")], "what was set isn't done"
    cheap = await run.fork(outputs={"charges": 3})
    assert await cheap.result() == "reserved tea, paid 3"
    assert done("charge") == 1
    [created] = await facts(cheap, "run_created")
    assert created["forkedFrom"]["edited"] == ["0/step:tests.api.test_fork:charges#0"]
    [completed] = [fact for fact in await facts(cheap, "step_completed") if fact["result"] == 3]
    assert completed["attempt"] == 1
    assert await run.result() == "reserved tea, paid 5", "the original is as it was"


async def test_several_outputs_and_a_step_to_fork_from() -> None:
    run = await start(pays, 5)
    await run.result()
    outputs = {"asks_gateway": False, "reserves": "reserved coffee"}
    fork = await run.fork("charges", outputs=outputs, input={"amount": 5})
    assert await fork.result() == "refused"
    assert (done("charge"), done("gateway"), done("reserve")) == (2, 1, 1)
    paid = await run.fork(outputs={**outputs, "charges": 4, "asks_gateway": True})
    assert await paid.result() == "reserved coffee, paid 4"
    assert done("charge") == 2
    again = await paid.fork(outputs={"charges": 6})
    assert await again.result() == "reserved coffee, paid 6"


async def test_a_failed_run_goes_on_as_if_the_step_had_worked() -> None:
    run = await start(pays, 0)
    await run.result()
    failed = await run.fork(outputs={"charges": LookupError("gone")})
    with pytest.raises(RunFailed):
        await failed.result()
    mended = await failed.fork(outputs={"charges": 7})
    assert await mended.result() == "reserved tea, paid 7"


async def test_an_output_that_what_follows_doesnt_fit_starts_nothing() -> None:
    run = await start(fulfils, "tea", amount=2)
    await run.result()
    before = await listed()
    doubled = await start(doubles, 2)
    await doubled.result()
    with pytest.raises(UsageError) as caught:
        await doubled.fork("ships", outputs={"charges": 3})
    assert "the code doesn't fit the log in turn 1: recorded is step tests.api.test_fork:reserves" in str(caught.value)
    assert str(caught.value).endswith("has to fit it: go on from that output instead")
    for outputs, error, said in (
        ({"charges": "many"}, UsageError, "this is no output of step tests.api.test_fork:charges: output: "),
        ({"charges": object()}, EncodeError, "output can't be recorded"),
        ({"packs": 1}, UsageError, "has called no step 'packs'"),
        ({}, UsageError, "from where it is to be forked isn't said"),
    ):
        with pytest.raises(error, match=re.escape(said)):
            await run.fork(outputs=outputs)
    with pytest.raises(UsageError, match="which isn't called before that: fork from behind that outcome"):
        await run.fork("charges", outputs={"ships": "x"})
    assert await listed() == before + 1


async def listed() -> int:
    return len([run async for run in list_runs()])


@workflow
async def doubles(amount: int) -> str:
    charged = await charges(amount)
    await reserves(str(charged))
    return await ships()


async def test_steps_that_arent_there_or_arent_one() -> None:
    @workflow(name="fork:twice")
    async def twice() -> None:
        await ships()
        await ships()

    run = await start(twice)
    await run.result()
    ids = [info.step_id async for info in run.steps()]
    with pytest.raises(UsageError) as caught:
        await run.fork("packs")
    name = "tests.api.test_fork:ships"
    listed = f"\n  {ids[0]} {name}\n  {ids[1]} {name}"
    assert (
        str(caught.value)
        == f"run {run.run_id} has called no step 'packs': give one of these, by its id or name{listed}"
    )
    with pytest.raises(UsageError, match="has called no step ''"):
        await run.fork("")
    with pytest.raises(UsageError) as caught:
        await run.fork("ships")
    assert str(caught.value) == (
        f"run {run.run_id} has called several steps 'ships': give the id of the one that you mean{listed}"
    )
    await (await run.fork(ids[1])).result()
    assert done("ship") == 3


@workflow
async def guesses() -> list[str]:
    """Everything that a replay must see the same, before and after the step."""
    before = [str(random()), str(uuid4()), now().isoformat(), get_workflow_metadata().started_at.isoformat()]
    await reserves(" ".join(before))
    child = await start(named, "a")
    await child.result()
    before.append(await reserves(f"{uuid4()} {child.run_id} {now()}"))
    await charges(1)
    later = await start(named, "b")
    await later.result()
    return [*before, str(uuid4()), later.run_id, now().isoformat()]


@workflow
async def named(name: str) -> str:
    return await ships(name)


async def test_time_and_chance_are_the_originals_before_the_step_and_its_own_after() -> None:
    run = await start(guesses)
    first = await run.result()
    fork = await run.fork("charges")
    second = await fork.result()
    assert second[:5] == first[:5]
    assert all(one != other for one, other in zip(first[5:], second[5:], strict=True))
    assert datetime.fromisoformat(second[-1]) > datetime.fromisoformat(first[-1])
    again = await (await fork.fork("charges")).result()
    assert again[:5] == first[:5]
    assert not {*again[5:]} & {*first[5:], *second[5:]}
    assert (done("reserve"), done("ship")) == (2, 1 + 3)


async def test_a_fork_of_a_fork_from_a_later_step() -> None:
    @workflow(name="fork:chances")
    async def chances() -> list[str]:
        found: list[str] = []
        for _ in range(3):
            found.append(str(uuid4()))
            await ships(found[-1])
        return found

    run = await start(chances)
    first = await run.result()
    fork = await run.fork([info.step_id async for info in run.steps()][1])
    second = await fork.result()
    third = await (await fork.fork([info.step_id async for info in fork.steps()][2])).result()
    assert (second[0], third[:2]) == (first[0], second[:2])
    assert len({*first, *second, *third}) == 3 + 2 + 1


async def test_what_was_under_way_keeps_its_later_outcome() -> None:
    @workflow(name="fork:beside")
    async def beside() -> list[Any]:
        slow = asyncio.create_task(slowly())
        await reserves("tea")
        charged = await charges(1)
        return [charged, await slow]

    run = await start(beside)
    await until(lambda: _is(done("charge")))
    gate[0].set()
    assert await run.result() == [1, "slow"]
    assert await (await run.fork("charges")).result() == [1, "slow"]
    assert (done("slow"), done("reserve"), done("charge")) == (1, 1, 2)


async def _is(value: Any) -> Any:
    return value


async def _has_called(run: Run[Any], step: str) -> bool:
    """Also in the log: that may come later than the step's effect."""
    return any(info.name.endswith(step) and info.completed_at for info in [info async for info in run.steps()])


async def test_what_is_under_way_still_runs_in_the_fork_too() -> None:
    @workflow(name="fork:racing")
    async def racing() -> list[Any]:
        slow = asyncio.create_task(slowly())
        charged = await charges(1)
        await ships()
        return [charged, await slow]

    run = await start(racing)
    await until(lambda: _has_called(run, "ships"))
    fork = await run.fork("ships")
    await until(lambda: _is(done("slow") == 2))
    gate[0].set()
    assert await fork.result() == [1, "slow"] == await run.result()
    assert done("charge") == 1


async def test_what_was_called_together_is_called_again() -> None:
    @workflow(name="fork:together")
    async def together() -> list[Any]:
        return [await charges(1), *await asyncio.gather(reserves("tea"), ships())]

    run = await start(together)
    await run.result()
    await (await run.fork("ships")).result()
    assert (done("charge"), done("reserve"), done("ship")) == (1, 2, 2)


@step(retry=Retry(max_retries=0))
async def breaks(what: str) -> str:
    if what == "bad":
        raise ValueError("bad")
    return what


async def test_a_failed_and_a_retried_run() -> None:
    @workflow(name="fork:breaking")
    async def breaking(what: str) -> list[Any]:
        return [await charges(1), await breaks(what), await ships()]

    run = await start(breaking, "bad")
    with pytest.raises(RunFailed):
        await run.result()
    await run.retry()
    with pytest.raises(RunFailed):
        await run.result()
    assert await (await run.fork("breaks", input={"what": "good"})).result() == [1, "good", "shipped to here"]
    assert done("charge") == 1


broken: list[str] = []


@step(retry=Retry(max_retries=0))
async def mended() -> str:
    if broken:
        raise ValueError(broken.pop())
    return "mended"


async def test_forks_behind_a_retry() -> None:
    broken.append("bad")

    @workflow(name="fork:mending")
    async def mending() -> list[Any]:
        return [await mended(), await ships()]

    run = await start(mending)
    with pytest.raises(RunFailed):
        await run.result()
    await run.retry()
    await run.result()
    fork = await run.fork("ships")
    assert await fork.result() == ["mended", "shipped to here"]
    assert "run_retried" in await types_of(fork)


async def test_a_hook_of_the_prefix_is_open_again() -> None:
    @workflow(name="fork:asking")
    async def asking() -> list[Any]:
        hook = create_hook(str, token="fork:approval")
        first = await hook
        await ships()
        return [first, await hook]

    run = await start(asking)
    await waiting_for(run, "hook")
    await resume_hook("fork:approval", "yes")
    await until(lambda: _has_called(run, "ships"))
    with pytest.raises(UsageError) as caught:
        await run.fork("ships")
    [step_id] = [info.step_id async for info in run.steps()]
    assert str(caught.value) == (
        f"run {run.run_id} can't be forked from {step_id}: run {run.run_id} holds the token of its hook fork:approval; "
        "cancel that run, or fork from a step before that"
    )
    await resume_hook("fork:approval", "really")
    assert await run.result() == ["yes", "really"]
    fork = await run.fork("ships")
    await until(lambda: _is(done("ship") == 2))
    await resume_hook("fork:approval", "no")
    assert await fork.result() == ["yes", "no"]


async def test_a_random_token_stays_as_it_was() -> None:
    @workflow(name="fork:secret")
    async def secret() -> list[Any]:
        hook = create_hook(str)
        await reserves(hook.token)
        await ships()
        return [await hook]

    run = await start(secret)
    await until(lambda: _has_called(run, "ships"))
    token = seen[0][1]
    await resume_hook(token, "a")
    await run.result()
    fork = await run.fork("ships")
    await until(lambda: _is(done("ship") == 2))
    await resume_hook(token, "b")
    assert await fork.result() == ["b"]


async def test_a_conflict_in_the_prefix_cant_be_taken_over() -> None:
    @workflow(name="fork:holding")
    async def holding() -> None:
        await create_hook(str, token="fork:one")

    @workflow(name="fork:meeting")
    async def meeting() -> str:
        try:
            await create_hook(str, token="fork:one")
        except HookConflict:
            return await ships()
        return "no conflict"

    holder = await start(holding)
    await waiting_for(holder, "hook")
    run = await start(meeting)
    await run.result()
    with pytest.raises(UsageError, match="before that, another run had the token of its hook fork:one; wait until"):
        await run.fork("ships")
    await holder.cancel()


async def test_an_open_child_cant_be_taken_over() -> None:
    @workflow(name="fork:parent")
    async def parent() -> list[Any]:
        child = await start(sleeper)
        await reserves("tea")
        shipped = await ships()
        return [shipped, await child.result()]

    @workflow(name="fork:sleeper")
    async def sleeper() -> str:
        await sleep("1h")
        return "slept"

    run = await start(parent)
    await until(lambda: _has_called(run, "ships"))
    with pytest.raises(UsageError, match=r"before that, its child wrun_\w+ hasn't ended; wait until it is over"):
        await run.fork("ships")
    child = get_run((await facts(run, "child_created"))[0]["runId"])
    await waiting_for(child, "sleep")
    await child.wake_up()
    assert await run.result() == ["shipped to here", "slept"]
    assert await (await run.fork("ships")).result() == ["shipped to here", "slept"]


async def test_sleeps_keep_their_time() -> None:
    @workflow(name="fork:sleeping")
    async def sleeping() -> str:
        napping = asyncio.create_task(_nap())
        await ships()
        await napping
        return "awake"

    run = await start(sleeping)
    await until(lambda: _has_called(run, "ships"))
    fork = await run.fork("ships")
    await waiting_for(fork, "sleep")
    dues = [(await facts(each, "wait_created"))[0]["dueMs"] for each in (run, fork)]
    assert dues[0] == dues[1]
    await fork.wake_up()
    assert await fork.result() == "awake"
    await run.cancel()


async def _nap() -> None:
    await sleep("1h")
    await reserves("bed")


async def test_attributes_and_patches() -> None:
    @workflow(name="fork:labelled")
    async def labelled() -> list[Any]:
        old = patched("fork:old")
        await set_attributes(phase="one", gone="x")
        await reserves("tea")
        await set_attributes(gone=None)
        await charges(1)
        new = patched("fork:new")
        await set_attributes(phase="two", late="y")
        await ships()
        return [old, new]

    run = await start(labelled)
    assert await run.result() == [True, True]
    fork = await run.fork("ships")
    assert await fork.result() == [True, True]
    assert (await fork.info()).attributes == {"phase": "two", "late": "y"}
    assert (done("reserve"), done("charge"), done("ship")) == (1, 1, 2)


async def test_what_says_its_own_id_cant_be_taken_over() -> None:
    @workflow(name="fork:vain")
    async def vain() -> str:
        await reserves(get_workflow_metadata().run_id)
        return await ships()

    run = await start(vain)
    await run.result()
    with pytest.raises(UsageError, match=f"recorded is .*{run.run_id}.*attempted at .*test_fork.py:.*wrun_"):
        await run.fork("ships")


async def test_a_cancelled_run() -> None:
    @workflow(name="fork:cleaning")
    async def cleaning() -> str:
        try:
            await reserves("tea")
            await sleep("1h")
        finally:
            await ships()
        return "never"

    run = await start(cleaning)
    await waiting_for(run, "sleep")
    await run.cancel()
    await until(lambda: _has_ended(run))
    fork = await run.fork("ships")
    await until(lambda: _has_ended(fork))
    assert (await fork.status(), done("ship"), done("reserve")) == ("cancelled", 2, 1)


async def _has_ended(run: Run[Any]) -> bool:
    return await run.status() in ("completed", "failed", "cancelled")


@pytest.mark.parametrize("by", ["", "x" * 201])
async def test_a_name_that_is_none(by: str) -> None:
    with pytest.raises(UsageError, match=r"^by="):
        await get_run("wrun_" + "0" * 26).fork("ships", by=by)


async def test_a_run_that_isnt_there() -> None:
    with pytest.raises(RunNotFound):
        await get_run("wrun_" + "0" * 26).fork("ships")


def test_in_every_way() -> None:
    """Whoever dies when, also the worker of the fork: what was taken over isn't done again."""

    async def act() -> Any:
        run = await start(fulfils, "tea")
        first = await run.result()
        before = done("reserve")
        second = await (await run.fork("charges", input={"where": "there"})).result()
        third = await (await run.fork(outputs={"charges": 9})).result()
        return first, second, third, done("reserve") - before

    in_every_way(
        act,
        *(fulfils, reserves, charges, ships),
        gives=(
            ["reserved tea", 1, "shipped to here"],
            ["reserved tea", 1, "shipped to there"],
            ["reserved tea", 9, "shipped to here"],
            0,
        ),
        before=seen.clear,
    )
