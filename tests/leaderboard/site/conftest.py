"""A browser for the site's tests, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Open = Callable[..., object]


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Headless Chromium; the tests that need it are skipped, with the reason, where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if binary is None:
        pytest.skip("needs Chromium, found none on the PATH")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator[Open]:
    """Opens a file as a page; the test fails on any script error, blocked resource or request elsewhere."""
    pages, complaints = [], []

    def hear(message) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def watch(request) -> None:
        if not request.url.startswith(("file:", "data:")):
            complaints.append(f"asked for {request.url}")

    def visit(path: Path, *, width: int = 1280, height: int = 900, scheme: str = "light"):
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", watch)
        page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
        page.goto(path.as_uri())
        return page

    yield visit
    for page in pages:
        page.close()
    assert complaints == []
