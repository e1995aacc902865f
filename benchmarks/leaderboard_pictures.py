"""The pictures of docs/leaderboard.md, taken of a site in headless Chromium.

    renderbench leaderboard export --root ROOT --html SITE
    python benchmarks/leaderboard_pictures.py SITE docs/images

Needs Playwright's Python package and a Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright


@dataclass(frozen=True)
class Picture:
    """A page from its top to the end of a section, at a width and in a theme."""

    name: str
    page: Path
    until: str
    width: int
    theme: str


def take(browser: Browser, picture: Picture, folder: Path) -> None:
    """Write one picture, with a palette: these pages have few colours."""
    page = browser.new_page(viewport={"width": picture.width, "height": 900}, color_scheme=picture.theme)
    page.goto(picture.page.as_uri())
    # A lazy image far below would not be loaded, and never be decoded.
    page.locator("img").evaluate_all(
        "(all) => Promise.all(all.map((image) => { image.loading = 'eager'; return image.decode(); }))"
    )
    bottom = page.locator(picture.until).evaluate("(section) => section.getBoundingClientRect().bottom")
    clip = {"x": 0, "y": 0, "width": picture.width, "height": bottom}
    shot = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True))).convert("RGB")
    shot.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        folder / picture.name, optimize=True
    )
    print(folder / picture.name, shot.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    site = options.site.absolute()
    options.folder.mkdir(parents=True, exist_ok=True)
    scan = sorted((site / "scans").glob("*.html"))[0]
    pictures = [
        Picture("leaderboard-desktop.png", site / "index.html", "#results", 1280, "light"),
        Picture("leaderboard-scan.png", scan, "#errors", 1280, "dark"),
        Picture("leaderboard-phone.png", scan, "#errors", 390, "dark"),
    ]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for picture in pictures:
            take(browser, picture, options.folder)


if __name__ == "__main__":
    main()
