"""The page in a real browser, with a real world behind it: each view shows what there is, and acts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from perdure.http import with_token
from tests.http.inspector.sample import HOSTILE, LONG, SHOP
from tests.http.inspector.site import Site, Watched, opened, watched

ROWS = ".grid-scroll .row"


@pytest.fixture(autouse=True)
def fresh_world() -> None:
    """This module has one world for all its tests, and no loop of its own."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def seen(site: Site) -> Iterator[Watched]:
    with watched(site) as found:
        yield found


@pytest.fixture
def page(seen: Watched) -> Page:
    return seen.page


def act(page: Page, site: Site, path: str, body: object) -> None:
    """What somebody else does meanwhile."""
    answer = page.request.post(f"{site.address}/api/v1/{path}", data=body, headers={"origin": site.address})
    assert answer.ok, answer.text()


def status_of(page: Page) -> Locator:
    return page.locator(".run-title .status")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


# -- runs


def test_runs_are_listed_and_filtered(page: Page, site: Site) -> None:
    page.goto(site.url())
    expect(page.locator(ROWS).first).to_be_visible()
    page.get_by_role("group", name="Status").get_by_role("button", name="blocked").click()
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("shop.stock:restock")
    assert "status=blocked" in page.url
    button(page, "Clear").click()
    page.keyboard.press("/")
    page.keyboard.type("refund")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("a payload for hook refund:A-1040")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("nothing like this")
    expect(page.get_by_text("No run fits.")).to_be_visible()
    page.goto(site.url("#/runs?attr=order=A-1042"))
    expect(page.locator(ROWS)).to_have_count(2)  # with a fork, which has its attributes
    expect(page.locator(ROWS).last).to_contain_text("CardDeclined")


def test_a_link_carries_the_filters(page: Page, site: Site) -> None:
    page.goto(site.url("#/runs?workflow=billing.invoice:collect&since=1h"))
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.get_by_label("Workflow", exact=True)).to_have_value("billing.invoice:collect")


def test_a_new_run_shows_up_by_itself(page: Page, site: Site) -> None:
    page.goto(site.url("#/runs?workflow=agents.research:answer"))
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(".foot .live.is-on")).to_be_visible()
    act(page, site, f"runs/{site.ids['chat']}/rerun", {})
    expect(page.locator(ROWS)).to_have_count(2)


def test_many_runs_at_once(page: Page, site: Site) -> None:
    page.goto(site.url("#/runs?workflow=shop.import:catalogue"))
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator(ROWS).get_by_role("checkbox").check()
    tools = page.get_by_role("toolbar", name="Selected runs")
    expect(tools).to_contain_text("1 run")
    expect(tools.get_by_role("button", name="Cancel …")).to_be_disabled()
    tools.get_by_role("button", name="Rerun …").click()
    button(page, "Rerun the run").click()
    expect(page.get_by_text("Rerun: 1 run.")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(2)


def test_the_list_by_keyboard(page: Page, site: Site) -> None:
    page.goto(site.url("#/runs?workflow=billing.invoice:collect"))
    expect(page.locator(ROWS)).to_have_count(2)
    page.locator(f"{ROWS}[tabindex='0']").focus()
    page.keyboard.press("End")
    expect(page.locator(ROWS).nth(1)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("toolbar", name="Selected runs")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar", name="Selected runs")).to_have_count(0)
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#run-title")).to_contain_text("billing.invoice:collect")
    page.keyboard.press("Escape")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


# -- a run


def test_a_run_s_timeline_and_a_step_s_details(page: Page, site: Site) -> None:
    page.goto(site.run_url("completed"))
    names = page.locator(".spans-grid .span-name")
    expect(names.first).to_be_visible()
    assert sorted(names.all_inner_texts()) == ["charge_card", "pick_and_pack", "reserve", "ship", "sleep"]
    charged = page.locator(ROWS, has_text="charge_card")
    expect(charged.locator(".attempt")).to_have_count(3)
    expect(charged.locator(".attempt.is-failed")).to_have_count(2)
    charged.click()
    panel = page.get_by_role("complementary", name="Details")
    expect(panel).to_contain_text("3 attempts")
    expect(panel).to_contain_text("ProviderError: 503 from the card gateway")
    expect(panel).to_contain_text('authorization: "[redacted]"')
    expect(panel).to_contain_text(re.compile("Idempotency keystep_"))
    expect(panel).not_to_contain_text("Bearer")
    page.keyboard.press("Escape")
    expect(panel).to_contain_text("A-1041")  # the run's own input again


def test_the_timeline_zooms(page: Page, site: Site) -> None:
    page.goto(site.run_url("completed"))
    ticks = page.locator(".tick")
    expect(ticks.first).to_be_visible()
    all_of_it = ticks.all_inner_texts()
    page.locator(ROWS, has_text="reserve").click()
    for key in "++":
        page.keyboard.press(key)
    expect(button(page, "All")).to_be_enabled()
    assert ticks.all_inner_texts() != all_of_it
    page.keyboard.press("f")
    page.keyboard.press("0")
    expect(button(page, "All")).to_be_disabled()
    assert ticks.all_inner_texts() == all_of_it
    page.get_by_label("Find spans by name or status").fill("charge failed")
    expect(page.get_by_text("No span fits.")).to_be_visible()


def test_events_children_and_parent(page: Page, site: Site) -> None:
    page.goto(site.run_url("completed"))
    page.get_by_role("tab", name="Events").click()
    page.locator(ROWS, has_text="run_created").click()
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("A-1041")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Family").click()
    page.locator(ROWS, has_text="pick_and_pack").click()
    expect(page.locator("#run-title")).to_contain_text("shop.orders:pick_and_pack")
    page.get_by_role("tab", name="Family").click()
    expect(page.locator(".relative")).to_contain_text("shop.orders:fulfil")


def test_forks_and_what_a_run_was_forked_from(page: Page, site: Site) -> None:
    page.goto(site.run_url("failed", "?tab=family"))
    expect(page.get_by_role("heading", name="Forked from")).to_have_count(0)
    expect(page.get_by_text("It has started no other run.")).to_be_visible()
    forks = page.get_by_role("grid", name="Forks").locator(".grid-all .row")
    expect(forks).to_have_count(1)
    forks.first.click()
    expect(page).to_have_url(re.compile(site.ids["forked"]))
    expect(status_of(page)).to_have_text("completed")
    page.get_by_role("tab", name="Family").click()
    expect(page.locator(".relative")).to_contain_text(site.ids["failed"])
    expect(page.locator(".family")).to_contain_text(
        re.compile(r"before event \d+, with other outcomes of step_\w{26}\.")
    )
    expect(page.get_by_text("No run of late was forked from it.")).to_be_visible()


def test_what_steps_logged(page: Page, site: Site) -> None:
    page.goto(site.run_url("completed", "?tab=logs"))
    lines = page.get_by_label("Log lines").locator("li")
    expect(lines).to_have_count(5)
    expect(lines.first).to_contain_text("charging flaky: 12950 cents")
    page.get_by_label("From level").select_option("warning")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("the gateway is in trouble: <img src=x")
    assert page.locator(".log img").count() == 0


def test_a_blocked_run_shows_both_sides(page: Page, site: Site) -> None:
    page.goto(site.run_url("blocked"))
    expect(status_of(page)).to_have_text("blocked")
    recorded, attempted = page.locator(".side.is-recorded"), page.locator(".side.is-attempted")
    expect(recorded).to_contain_text('step shop.stock:reserve({"sku":"K-12","count":40})')
    expect(recorded).to_contain_text("Recorded by deployment 2026-11-19")
    expect(attempted).to_contain_text("step shop.stock:reserve_in_warehouse")
    expect(attempted).to_contain_text(re.compile(r"Attempted at .*sample\.py:\d+"))
    assert attempted.locator("mark").all_inner_texts() == ["reserve_in_warehouse", ',"warehouse":"north"']
    expect(page.get_by_role("heading", name="The code doesn't fit the log")).to_contain_text("in turn 0")


def test_a_failed_run_is_retried(page: Page, site: Site) -> None:
    page.goto(site.run_url("failed"))
    expect(status_of(page)).to_have_text("failed")
    page.get_by_text("Traceback").first.click()
    expect(page.get_by_role("region", name="Traceback").first).to_contain_text("insufficient_funds")
    SHOP.bank_is_open = True
    button(page, "Retry …").click()
    button(page, "Retry the run").click()
    expect(status_of(page)).to_have_text("completed")
    expect(page.locator(".spans-grid .span-name", has_text="ship")).to_be_visible()


def test_a_run_is_cancelled(page: Page, site: Site) -> None:
    page.goto(site.run_url("sleeping"))
    expect(page.get_by_label("What it waits for")).to_contain_text("Waiting for a sleep (in 13 d)")
    button(page, "Cancel …").click()
    button(page, "Leave it").click()
    expect(status_of(page)).to_have_text("running")
    button(page, "Cancel …").click()
    page.get_by_label("Reason").fill("paid in cash")
    button(page, "Cancel the run").click()
    expect(status_of(page)).to_have_text("cancelled")
    expect(page.locator(".callout")).to_contain_text("paid in cash")


# -- streams


def test_a_live_stream_is_followed(page: Page, site: Site) -> None:
    page.goto(site.run_url("text", "?tab=streams"))
    text = page.get_by_label("What the stream says")
    expect(text).to_contain_text("c.pdf has been read, and says what it says.")
    expect(page.locator(".stream-tools .live")).to_be_visible()
    act(page, site, "hooks/more-to-index/resume", {"payload": f"and this came later: {HOSTILE}"})
    expect(text).to_contain_text("and this came later: <img src=x")
    act(page, site, "hooks/more-to-index/resume", {"payload": "done"})
    expect(status_of(page)).to_have_text("completed")
    expect(page.locator(".stream-tools .live")).to_have_count(0)
    page.get_by_role("button", name="notes").click()
    page.locator(ROWS, has_text="b.pdf").click()
    expect(page.get_by_role("complementary", name="Details")).to_contain_text('document: "b.pdf"')


def test_an_agent_s_chunks_are_a_chat(page: Page, site: Site) -> None:
    page.goto(site.run_url("chat", "?tab=streams"))
    message = page.locator(".message")
    expect(message).to_have_count(1)
    expect(message).to_contain_text("Revenue in the third quarter was 1,204,000 EUR, 12 % more than a year before.")
    message.get_by_text("search_ledger").click()
    expect(message).to_contain_text('quarter: "Q3"')
    expect(message.get_by_role("link", name="Ledger, third quarter")).to_have_attribute("rel", "noopener noreferrer")
    button(page, "Chunks").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_of_a_long_stream_there_is_a_part(page: Page, site: Site) -> None:
    page.goto(site.run_url("long", "?tab=streams"))
    told = page.locator(".stream-tools > .faint")
    expect(told).to_have_text(f"{LONG - 500:,} to {LONG - 1:,} of {LONG:,}")
    assert page.locator(ROWS).count() < 100
    button(page, "Earlier").click()
    expect(told).to_have_text(f"{LONG - 1000:,} to {LONG - 1:,} of {LONG:,}")
    button(page, "First").click()
    expect(told).to_have_text(f"0 to 499 of {LONG:,}")
    for last in (999, 1499, 1999):
        button(page, "Later").click()
        expect(told).to_have_text(f"0 to {last:,} of {LONG:,}")
    button(page, "Later").click()
    expect(told).to_have_text(f"500 to 2,499 of {LONG:,}")
    button(page, "Last").click()
    expect(told).to_have_text(f"{LONG - 500:,} to {LONG - 1:,} of {LONG:,}")


# -- hooks, workers, workflows


def test_a_hook_is_resumed_with_what_fits(page: Page, site: Site) -> None:
    page.goto(site.url("#/hooks"))
    row = page.locator(ROWS, has_text="refund:A-1040")
    expect(row).to_contain_text("arrived broken")
    row.get_by_role("button", name="Resume …").click()
    payload, says = page.get_by_label("Payload, as JSON"), page.locator("#payload-says")
    expect(payload).to_have_value('{\n  "approved": false\n}')
    payload.fill('{"approved": ')
    expect(says).to_contain_text("This isn't JSON")
    payload.fill('{"approved": "yes"}')
    expect(says).to_have_text("$.approved: expected boolean")
    expect(button(page, "Resume")).to_be_disabled()
    payload.fill('{"approved": true, "by": "Anna"}')
    button(page, "Resume").click()
    expect(page.get_by_text("The run has its payload.")).to_be_visible()
    expect(row).to_have_count(0)
    page.goto(site.run_url("hook"))
    expect(status_of(page)).to_have_text("completed")
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("approved by Anna")


def test_workers_and_workflows(page: Page, site: Site) -> None:
    page.goto(site.url("#/workers"))
    expect(page.get_by_role("row", name=re.compile("live"))).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("2026-11-26")).first).to_contain_text("workflows")
    page.get_by_role("link", name="Workflows").click()
    row = page.locator("tbody tr", has_text="shop.stock:restock")
    expect(row).to_contain_text("1 blocked")
    row.get_by_role("link", name="1 blocked").click()
    expect(page.locator(ROWS)).to_have_count(1)


# -- everywhere


@pytest.mark.parametrize("tab", ["", "?tab=events", "?tab=family", "?tab=logs"])
def test_hostile_texts_are_texts(page: Page, site: Site, tab: str) -> None:
    page.goto(site.run_url("hostile", tab))
    expect(page.locator(".callout")).to_contain_text("<script>document.title='owned'</script>&lt;'")
    expect(page.get_by_role("tabpanel")).to_be_visible()
    page.goto(site.url("#/runs?status=failed"))
    expect(page.locator(ROWS).first).to_be_visible()
    assert page.title() != "owned"
    assert page.locator("img, iframe, #app script").count() == 0


def test_what_a_page_does_wrong_is_found(site: Site) -> None:
    with watched(site) as found:
        page = found.page
        page.goto(site.url())
        page.evaluate(
            """() => {
                document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>");
                document.body.append(Object.assign(new Image(), { src: "https://elsewhere.example/a.png" }));
                document.body.append(Object.assign(document.createElement("script"), { text: "document.title = 'owned'" }));
                setTimeout(() => missing());
            }"""
        )
        page.wait_for_function("() => document.images.length === 1 && document.images[0].complete")
        assert page.title() != "owned"
        wrong = "\n".join(found.wrong)
        for one in ("style-src", "img-src", "script-src", "missing is not defined"):
            assert one in wrong
        found.wrong.clear()


def test_an_unknown_run_is_said_to_be_so(site: Site) -> None:
    with watched(site) as found:
        found.page.goto(site.url("#/runs/wrun_00000000000000000000000000"))
        expect(found.page.get_by_role("alert")).to_contain_text("there is no such run")
        found.page.goto(site.url("#/nowhere"))
        expect(found.page.get_by_text("There is no such page here.")).to_be_visible()
        found.wrong[:] = [one for one in found.wrong if "404" not in one]  # the browser says so too


@pytest.mark.parametrize("asked", [True, False])
def test_a_server_that_is_away_is_waited_for(site: Site, asked: bool) -> None:
    with watched(site) as found:
        page = found.page
        page.goto(site.url())
        expect(page.locator(ROWS).first).to_be_visible()
        page.context.set_offline(True)
        page.locator(ROWS).first.click()
        expect(page.locator(".banner")).to_contain_text("The server doesn't answer.")
        expect(page.get_by_role("button", name="Try again", exact=True)).to_be_visible()
        page.context.set_offline(False)
        if asked:
            button(page, "Try again now").click()
        expect(page.locator(".banner")).to_have_count(0)
        expect(status_of(page)).to_be_visible()
        found.wrong[:] = [one for one in found.wrong if "ERR_INTERNET_DISCONNECTED" not in one]


def test_without_a_session_the_page_says_what_to_do(site: Site) -> None:
    with site.beside(with_token("let-me-in")) as other, watched(other) as found:
        found.page.goto(other.url("#/runs"))
        expect(found.page.locator(".banner")).to_contain_text("Open the address that perdure web printed.")
        found.page.goto(f"{other.address}/inspector/?token=let-me-in")
        expect(found.page.locator(ROWS).first).to_be_visible()
        assert "let-me-in" not in found.page.url
        found.wrong[:] = [one for one in found.wrong if "401" not in one]


def test_who_may_only_look_is_offered_nothing_else(site: Site) -> None:
    with site.beside(lambda request, action, target: action == "inspect") as other, watched(other) as found:
        found.page.goto(other.run_url("retrying"))
        expect(found.page.get_by_text("read only")).to_be_visible()
        expect(button(found.page, "Cancel …")).to_be_disabled()
        expect(found.page.get_by_label("What it waits for")).to_contain_text("429 from the ledger")


def test_colours_are_kept(page: Page, site: Site) -> None:
    page.goto(site.url())
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 22)"
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()


@pytest.mark.parametrize("hash", ["#/runs", "#/hooks", "#/workers", "#/workflows"])
def test_a_telephone_shows_all_without_moving_sideways(site: Site, hash: str) -> None:
    with watched(site, viewport={"width": 400, "height": 800}) as found:
        for url in (site.url(hash), site.run_url("completed"), site.run_url("blocked")):
            found.page.goto(url)
            expect(found.page.get_by_role("heading", level=1)).to_be_attached()
            assert found.page.evaluate("document.documentElement.scrollWidth") <= 400
