"""How long a browser takes to show the tokens of a long row, beside ``gr.HighlightedText`` with the same data.

Rows of about 30,000 and 200,000 tokens are encoded with the demo's processor, without a pixel. A time to be painted runs
from the click that asks the server for the value to the second frame in which the tokens stand on screen.
"""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks._visit import measure_visit
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from vtg_core.checkpoints.loading import load_processor
from vtg_core.dashboard import launch_options
from vtg_core.dashboard.components import script_component
from vtg_core.dataset import Sample, format_for
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePlan
from vtg_core.video.timeline import VideoInfo
from vtg_core.views.samples import as_json
from vtg_core.views.tokens import TokenView, view_frames, view_sequence
from vtg_core.windows import Window

WIDTH, HEIGHT, FPS = 640, 352, 2.0
NUM_FRAMES = {"30k": 264, "200k": 1_756}
NUM_HOVERS, NUM_VISITS = 15, 3

PAINTED = """async ([button, selector, least]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const start = performance.now();
  document.querySelector(button).click();
  while (document.querySelectorAll(selector).length < least) await frame();
  await frame();
  await frame();
  return performance.now() - start;
}"""
HOVER = """async (place) => {
  const frame = () => new Promise(requestAnimationFrame);
  const strip = document.querySelector(".vtg-bar-strip");
  const { left, top, width } = strip.getBoundingClientRect();
  const before = document.querySelector(".vtg-details-list dd")?.textContent;
  const start = performance.now();
  strip.dispatchEvent(new PointerEvent("pointermove", { clientX: left + width * place, clientY: top + 5, bubbles: true }));
  while (document.querySelector(".vtg-details-list dd")?.textContent === before) await frame();
  await frame();
  return performance.now() - start;
}"""
SCROLL = """async () => {
  const flow = document.querySelector(".vtg-flow");
  let [last, longest, most] = [performance.now(), 0, 0];
  for (let i = 0; i < 60; i += 1) {
    flow.scrollTop = (flow.scrollHeight * i) / 60;
    const now = await new Promise(requestAnimationFrame);
    [longest, last] = [Math.max(longest, now - last), now];
    most = Math.max(most, document.querySelectorAll("#tokens *, #linked *").length);
  }
  return [longest, most];
}"""


def run() -> dict[str, float]:
    processor = deepcopy(load_processor("demo"))
    processor.video_processor.size = {"shortest_edge": 4_096, "longest_edge": 10**9}  # frames keep their size
    encoder = PixelFreeEncoder(processor)
    rows = {name: view_row(encoder, number) for name, number in NUM_FRAMES.items()}
    values = {name: as_json(view) for name, view in rows.items()}
    every = [as_json(view_row(encoder, NUM_FRAMES["30k"], number)) for number in range(len(TEMPLATES))]
    for name, view in rows.items():
        print(f"  {name}: {view.num_tokens:,} tokens, {len(values[name].encode()):,} bytes", flush=True)
    figures = {
        "token_view_bytes_30k": len(values["30k"].encode()),
        "token_view_bytes_16x30k": sum(len(value.encode()) for value in every),
    }
    return figures | _measure(values, highlighted(rows["30k"])) | measure_visit()


def view_row(encoder: PixelFreeEncoder, num_frames: int, template: int = 0) -> TokenView:
    """Return the tokens of a row with so many frames, under a template by its number."""
    duration = num_frames / FPS
    info = VideoInfo(Path("long.mp4"), duration, FPS, num_frames, WIDTH, HEIGHT, "h264")
    times = tuple(index / FPS for index in range(num_frames))
    plan = FramePlan(info, times, tuple(range(num_frames)), WIDTH, HEIGHT)
    asked = TEMPLATES[template]
    sample = Sample(plan, "a red circle appears", (Window(8, 14),), asked, format_for(asked.mode, plan))
    tokens = encoder.encode(sample)
    [grid] = encoder.expansion(plan).grid.tolist()
    return view_sequence(
        tokens.input_ids.tolist(), tokens.labels().tolist(), tokens.regions, encoder.processor,
        policy=MaskPolicy(), frames=view_frames(times, grid[0], duration=duration, windows=sample.windows),
    )  # fmt: skip


def highlighted(view: TokenView) -> list[tuple[str, str | None]]:
    """Return the same tokens, a pair each, as ``gr.HighlightedText`` takes them."""
    runs = dict(view.runs)
    texts = [view.pieces[number] for row, number in enumerate(view.token) for _ in range(runs.get(row, 1))]
    trained = {index for start, end in view.trained for index in range(start, end)}
    return [(text, "in the loss" if index in trained else None) for index, text in enumerate(texts)]


def _measure(values: dict[str, str], pairs: list[tuple[str, str | None]]) -> dict[str, float]:
    import gradio as gr
    from playwright.sync_api import sync_playwright

    with gr.Blocks() as page:
        buttons = {name: gr.Button(name, elem_id=f"show-{name}") for name in values}
        other = gr.Button("highlighted", elem_id="show-highlighted")
        linked = script_component("linked_view", elem_id="linked")
        script_component("token_view", elem_id="tokens")
        for name, button in buttons.items():
            button.click(lambda value=values[name]: value, None, linked)
        other.click(lambda: pairs, None, gr.HighlightedText(elem_id="highlighted"))
    page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)

        def visited(look: Callable[[Any], Any]) -> Any:
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.set_default_timeout(180_000)
            tab.goto(page.local_url)
            tab.wait_for_selector("#show-highlighted")
            tab.wait_for_selector(".vtg-token-view .vtg-flow", state="attached")
            seen = look(tab)
            tab.close()
            return seen

        figures = {
            f"token_view_paint_ms_{name}": median(
                visited(lambda tab, name=name: _painted(tab, name)) for _ in range(NUM_VISITS)
            )
            for name in values
        }
        figures |= visited(_look_closely)
        figures["highlighted_text_paint_ms_30k"] = visited(
            lambda tab: tab.evaluate(PAINTED, ["#show-highlighted", "#highlighted *", 30_000])
        )  # fmt: skip
        browser.close()
    page.close()
    return figures


def _painted(tab: Any, name: str) -> float:
    tab.wait_for_timeout(500)
    milliseconds: float = tab.evaluate(PAINTED, [f"#show-{name}", ".vtg-flow .vtg-token", 1])
    return milliseconds


def _look_closely(tab: Any) -> dict[str, float]:
    """Scroll and point about in 30,000 tokens, all frames open: nodes in the page, and how soon all are linked."""
    _painted(tab, "30k")
    _, folded = tab.evaluate(SCROLL)
    tab.get_by_role("button", name="Open all frames").click()
    longest, opened = tab.evaluate(SCROLL)
    hovers = [tab.evaluate(HOVER, (number + 0.5) / NUM_HOVERS) for number in range(NUM_HOVERS)]
    print(
        f"  longest frame while scrolling: {longest:.0f} ms; longest hover: {max(hovers):.0f} ms", flush=True
    )
    return {"token_view_nodes_30k": max(folded, opened), "token_view_hover_ms_30k": median(hovers)}
