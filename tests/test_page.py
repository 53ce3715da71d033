"""Can the page be read in a browser, at any width, by day and by night, and does nothing in it act?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bisector.model import Verdict
from bisector.report import pictures
from bisector.report.page import CONSOLE, Beside, page
from bisector.report.sections import headline, sections
from tests import samples
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree
from tests.test_mail import BROKEN, MENDED, report
from tests.test_report import ALL
from tests.test_report_hostile import EVERYTHING, HOSTILE

PLACES = {samples.PARENT.id: 4, samples.CULPRIT.id: 5, "5" * 40: 2, samples.NEW.id: 11}
BESIDE = Beside(PLACES, 12, ("diff --git a/a.c b/a.c", "@@ -1 +1 @@", "-old", "+new"), {"c": ("a line", "another")})
MADE = ALL | {"broken": report(BROKEN, samples.FOUND), "mended": report(MENDED, samples.FOUND)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # As root its own sandbox cannot be had; nothing but our own page is opened.
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield made
        made.close()


class Shown:
    """A page in a browser, with all that it said and asked for."""

    def __init__(self, browser: Browser, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        self.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("name", MADE)
def test_it_fits_any_width_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(MADE[name], BESIDE))
    shown = Shown(browser, path, width, scheme)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.page.locator("h1").inner_text() == headline(MADE[name])
    paper = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(map(int, re.findall(r"\d+", paper)[:3])) > 3 * 128
    assert bright is (scheme == "light")
    assert (shown.said, shown.asked) == ([], [path.as_uri()])
    shown.close()


@pytest.mark.parametrize("name", MADE)
def test_on_paper_it_is_light_and_whole_and_nothing_is_folded(browser: Browser, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(MADE[name], BESIDE))
    # 190 mm at 96 dots an inch: A4 with the usual margins.
    shown = Shown(browser, path, 718, "dark")
    shown.page.emulate_media(media="print")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 718
    ink = shown.page.evaluate("getComputedStyle(document.body).color")
    assert sum(map(int, re.findall(r"\d+", ink)[:3])) < 3 * 128
    assert shown.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    hidden = "[...document.querySelectorAll('pre')].filter(one => !one.checkVisibility()).length"
    assert shown.page.evaluate(hidden) == 0
    clipped = "[...document.querySelectorAll('pre, .wide')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert shown.page.evaluate(clipped) == 0
    assert shown.page.pdf().startswith(b"%PDF-")
    shown.close()


@pytest.mark.parametrize("name", MADE)
def test_it_says_all_that_the_text_says(browser: Browser, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(MADE[name], BESIDE))
    shown = Shown(browser, path)
    text = " ".join(shown.page.locator("body").text_content().split())  # type: ignore[union-attr]
    for section in sections(MADE[name]):
        told = [*section.paragraphs, *section.code, *(said for _, said in section.facts)]
        told += [cell for row in (section.table.rows if section.table else ()) for cell in row]
        missing = [one for one in told if " ".join(one.split()) not in text and not one.startswith("# ")]
        assert missing == [], section.title
    shown.close()


@pytest.mark.parametrize(
    "said", [*HOSTILE.values(), EVERYTHING, "</style><script>alert(1)</script>", "{{ 7 * 191 }}"]
)
def test_no_text_of_a_commit_is_markup(browser: Browser, tmp_path: Path, said: str) -> None:
    made = report(BROKEN, samples.FOUND, said)
    path = tmp_path / "report.html"
    path.write_text(page(made, Beside(PLACES, 12, (said,), {said: (said,)})))
    plain = tmp_path / "plain.html"
    plain.write_text(
        page(report(BROKEN, samples.FOUND, "plain"), Beside(PLACES, 12, ("plain",), {"plain": ("plain",)}))
    )
    shown, bare = Shown(browser, path), Shown(browser, plain)
    count = "document.getElementsByTagName('*').length"
    assert shown.page.evaluate(count) == bare.page.evaluate(count)
    assert (shown.said, shown.asked) == ([], [path.as_uri()])
    assert "1337" not in path.read_text()
    for character in "\x1b\x07\x9b\u202e\u2066\u200b":
        assert character not in path.read_text()
    shown.close()
    bare.close()


def test_the_pictures_say_where_each_commit_stands() -> None:
    rows = pictures.narrowed(MADE["broken"], PLACES, 12)
    assert [(row.commit, row.left, row.right, row.at) for row in rows] == [
        (samples.OLD, 0.0, 1.0, 0.0),
        (samples.NEW, 0.0, 1.0, 1.0),
    ]
    found = pictures.narrowed(MADE["found"], PLACES, 12)
    assert [(row.how, row.at) for row in found[-2:]] == [("untestable", 0.25), ("new", 0.5)]
    assert [one.role for one in pictures.around(MADE["broken"])] == [
        "the new end",
        "the commit",
        "its parent",
        "the old end",
    ]
    assert [one.gap for one in pictures.around(MADE["broken"])] == [True, False, True, False]
    assert pictures.around(MADE["among"]) == []


def test_the_time_of_each_visit_adds_up() -> None:
    for row in pictures.spent(MADE["found"]):
        assert sum(taken for _, taken, _, _ in row.parts) == pytest.approx(row.seconds)
        assert max(begin + wide for _, _, begin, wide in row.parts) <= 1 + 1e-9


def test_a_long_console_is_cut_in_its_middle() -> None:
    lines = tuple(f"line {number}" for number in range(5000))
    made = page(MADE["broken"], Beside(consoles={"c": lines}))
    assert "line 0<" in made
    assert "line 4999<" in made
    assert f"{5000 - CONSOLE} lines are left out here" in made
    assert "line 2500<" not in made


def test_each_verdict_is_told_in_a_word_and_not_by_its_colour_alone(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(MADE["found"], BESIDE))
    shown = Shown(browser, path)
    words = shown.page.locator(".rows >> nth=0").locator("li > span:nth-child(2)").all_inner_texts()
    assert set(words) == {Verdict.OLD.value, Verdict.NEW.value, Verdict.UNTESTABLE.value}
    shown.close()


def test_it_is_written_at_the_end_of_a_session_and_printed_on_request(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(12, flip_at=7)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert ran.code == 0
    [session] = bisector.sessions
    kept = (session / "report.html").read_text()
    assert bisector("report", "--format", "html").out == kept
    for word in ("How the range narrowed", "What the commit changed", "+\tHITS(", "lines of its console"):
        assert word in kept, word
    # Its lines end in two carriage returns and a line feed, and are lines once.
    console = kept.partition("lines of its console")[2].partition("</pre>")[0].splitlines()
    assert sum("><" in line for line in console) < len(console) / 4
    # Without the repository it says what the journal has.
    tree.path.rename(tree.path.with_name("moved"))
    left = bisector("report", "--format", "html")
    assert left.code == 0
    assert "How the range narrowed" not in left.out
    assert ids[7] in left.out
