"""What a first visit to the page brings over the wire, and whether the page keeps what it no longer shows."""

from collections import Counter
from typing import Any

from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED, Server

GRADIOS_OWN = ("/assets/", "/static/", "/theme.css", "/svelte/")
"""Paths of what every page of Gradio brings."""
NUM_CHANGES, NUM_BEFORE = 50, 10


def measure_visit() -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    server = Server().wait()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        wire = tab.context.new_cdp_session(tab)
        sizes = _watch(wire)
        tab.goto(server.url)
        tab.wait_for_selector(".vtg-verdict", timeout=LOADED)
        tab.wait_for_selector(".vtg-flow .vtg-token")
        tab.wait_for_timeout(1_000)
        own = sum(size for path, size in sizes().items() if not path.startswith(GRADIOS_OWN))
        _change_samples(tab, NUM_BEFORE)
        before = _heap_mb(wire)
        _change_samples(tab, NUM_CHANGES)
        grown = _heap_mb(wire) - before
        browser.close()
    server.stop()
    return {"first_visit_kb": own / 1_000, "page_memory_growth_mb": grown}


def _watch(wire: Any) -> Any:
    """Return what tells how many bytes have come from each path so far, as they were sent."""
    urls: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    wire.send("Network.enable")
    wire.on(
        "Network.requestWillBeSent", lambda sent: urls.update({sent["requestId"]: sent["request"]["url"]})
    )
    wire.on("Network.dataReceived", lambda got: sizes.update({got["requestId"]: got["encodedDataLength"]}))

    def by_path() -> Counter[str]:
        found: Counter[str] = Counter()
        for request, size in sizes.items():
            found["/" + urls.get(request, "///").split("/", 3)[-1]] += size
        return found

    return by_path


def _change_samples(tab: Any, count: int) -> None:
    """Pick the samples one after the other, and wait for each: its query, its tokens and its audit."""
    for number in range(count):
        query = tab.locator("#query textarea").input_value()
        name = "Next example" if number % 10 < 5 else "Previous example"
        tab.get_by_role("button", name=name).click()
        tab.wait_for_function(
            "(before) => document.querySelector('#query textarea').value !== before", arg=query
        )
        tab.wait_for_function(
            "() => getComputedStyle(document.querySelector('.vtg-strip-busy')).display === 'none'"
        )
        tab.wait_for_selector(".vtg-flow .vtg-token")


def _heap_mb(wire: Any) -> float:
    """Return what the page's scripts hold, once what nobody needs is collected."""
    wire.send("Performance.enable")
    for _ in range(3):
        wire.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in wire.send("Performance.getMetrics")["metrics"]}
    used: float = metrics["JSHeapUsedSize"]
    return used / 1e6
