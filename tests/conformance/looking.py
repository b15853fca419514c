"""What one looks for on a page in a real browser: requests, words beyond the window, letters too small to read."""

from __future__ import annotations

from chromium import Page

WIDTHS = (375, 768, 1440)
"""Of the window, in pixels: a phone, a tablet, a desk."""
SMALLEST_PX = 11.0
"""The least that letters may measure."""

_BEYOND = """
[...document.body.querySelectorAll('*')].filter(e => e.checkVisibility()
  && !e.closest('.picture, .unseen, .scroll')
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40))
"""
_WORDS = "p, td, th, dd, dt, h3, figcaption, summary, .claim div, .overview td"
_SIZES = f"""
[...document.querySelectorAll('{_WORDS}')].filter(e => e.checkVisibility() && e.innerText.trim())
  .map(e => parseFloat(getComputedStyle(e).fontSize))
"""


def unfold(page: Page, *, whether: bool) -> None:
    """Open all that is folded, or close it."""
    page.run(f"document.querySelectorAll('details').forEach(one => one.open = {str(whether).lower()})")


def asked(page: Page, address: str) -> list[str]:
    """Return what the page asks for beyond itself, all of it unfolded; pictures within it are no requests."""
    unfold(page, whether=True)
    page.browser.listen(0.3)
    found = list(page.browser.requests)
    if address in found:
        found.remove(address)
    return [one for one in found if not one.startswith("data:")]


def beyond(page: Page) -> list[str]:
    """Say what can be seen and reaches beyond the window, but for what has a scroll bar of its own."""
    found = [str(one) for one in page.run(_BEYOND)]
    wide = page.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return found or ["the page as a whole"] * bool(wide)


def smallest_px(page: Page) -> float:
    """Return the size of the smallest letters that can be seen, in pixels."""
    return float(min(page.run(_SIZES)))
