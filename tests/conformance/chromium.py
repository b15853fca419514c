"""A real browser for tests: headless Chromium over a pipe of its DevTools protocol, with no library between."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from typing import Any

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser of this machine, None where there is none."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-sync",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
_PATIENCE_S = 30.0


class Gone(AssertionError):
    """The browser ended, or something did not come to be in time."""


class Browser:
    """A browser with a profile of its own: one person."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._left = b""
        self._calls = 0
        self.requests: list[str] = []
        """Addresses of everything that was asked for."""
        self.complaints: list[str] = []
        """What the browser's console says is wrong."""

    def page(self, *, width: int = 1440, height: int = 900) -> Page:
        """Take the page that is open at the beginning."""
        target = self._first_page()
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        return page

    def _first_page(self) -> str:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            targets = self.call("Target.getTargets")["targetInfos"]
            for one in targets:
                if one["type"] == "page":
                    return str(one["targetId"])
            self.listen(0.05)
        raise Gone("the browser opened no page")

    def call(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """Call a method of the protocol, and return what it gives."""
        self._calls += 1
        number = self._calls
        message = {"id": number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            reply = self._next(deadline)
            if reply is None:
                raise Gone(f"{method} got no reply within {_PATIENCE_S} s")
            if reply.get("id") != number:
                self._take(reply)
            elif "error" in reply:
                raise Gone(f"{method}: {reply['error']['message']}")
            else:
                result: dict[str, Any] = reply["result"]
                return result

    def listen(self, seconds: float) -> None:
        """Take in what the browser reports for a while."""
        deadline = time.monotonic() + seconds
        while (event := self._next(deadline)) is not None:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Page.javascriptDialogOpening":
                self._calls += 1
                answer = {"id": self._calls, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                os.write(self._to, json.dumps(answer | {"sessionId": event["sessionId"]}).encode() + b"\0")

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """Return the next message, None where none comes in time."""
        while b"\0" not in self._left:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select([self._back], [], [], wait)[0]:
                return None
            piece = os.read(self._back, 1 << 20)
            if not piece:
                raise Gone("the browser ended")
            self._left += piece
        message, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Page:
    """A page of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser = browser
        self._session = session

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Call a method of the protocol on this page."""
        return self.browser.call(method, self._session, **given)

    def resize(self, width: int, height: int) -> None:
        """Look at it in another size; a narrow one is a phone's."""
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def go(self, url: str) -> None:
        """Go somewhere, and wait until it is there."""
        self.run("window.before = true")
        self.call("Page.navigate", url=url)
        self.wait("!window.before && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return what a script gives."""
        reply = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in reply:
            raise Gone(f"{script}: {reply['exceptionDetails'].get('exception', {}).get('description')}")
        return reply["result"].get("value")

    def wait(self, script: str, *, within_s: float = 20.0) -> Any:
        """Wait until a script gives something true, and return it."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                found = self.run(script)
            except Gone as error:
                if "navigat" not in str(error) and "context" not in str(error):
                    raise
                found = None
            if found:
                return found
            self.browser.listen(0.05)
        raise Gone(f"this did not come to be: {script}\n{self.run('location.href')}\n{self.text('body')[:2000]}")

    def sees(self, selector: str, text: str) -> None:
        """Wait until an element reads like that."""
        one = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"!!{one}?.innerText.includes({json.dumps(text)})")

    def at(self, path: str) -> None:
        """Wait until a page of that path, or of one below it, is there as a whole."""
        self.wait(f"location.pathname.startsWith({json.dumps(path)}) && document.readyState === 'complete'")

    def text(self, selector: str) -> str:
        """Return the text that can be seen of an element; empty where there is none."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"(() => {{ const f = document.querySelector({json.dumps(selector)}); f.focus(); f.select?.(); }})()")
        self.call("Input.insertText", text=text)

    def click(self, selector: str, *, reading: str = "") -> None:
        """Click the first visible element, or the first one that reads like that, with a real mouse."""
        find = (
            f"[...document.querySelectorAll({json.dumps(selector)})].find(e => e.offsetParent && !e.disabled && "
            f"e.innerText.includes({json.dumps(reading)}))"
        )
        self.wait(f"!!{find}")
        self.run(f"{find}.scrollIntoView({{block: 'center'}})")
        box = f"{find}.getBoundingClientRect()"
        x, y = self.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path) -> Path:
        """Keep what is seen as a picture."""
        self.wait("document.readyState === 'complete'")
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Run a browser with a profile in a folder."""
    if EXECUTABLE is None:
        raise Gone("there is no browser")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    profile.mkdir(parents=True, exist_ok=True)
    command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    flags = [*_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", command, EXECUTABLE, *flags],
            pass_fds=(theirs_in, theirs_out),
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(profile)},
        )
    os.close(theirs_in)
    os.close(theirs_out)
    browser = Browser(process, ours_out, ours_in)
    try:
        yield browser
    finally:
        _end(process, browser)
        os.close(ours_out)
        os.close(ours_in)


def _end(process: subprocess.Popen[bytes], browser: Browser) -> None:
    steps: list[Callable[[], object]] = [lambda: browser.call("Browser.close"), process.terminate, process.kill]
    for step in steps:
        with suppress(Gone, OSError, subprocess.TimeoutExpired):
            step()
            process.wait(10)
            return
