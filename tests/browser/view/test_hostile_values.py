"""Every component draws every field as text, whatever stands in it."""

import json

import pytest

from tests.browser.conftest import expect_audited, opened, show
from tests.hostile_strings import HOSTILE
from tests.hostile_views import OF_SCRIPT, hostile_values

DRAW = """async ([name, values]) => {
  const script = await import(`/scripts/${name}.js`);
  const box = document.body.appendChild(document.createElement("section"));
  box.append(document.createElement("div"));
  const [props, made] = [{ value: values[0] }, new Set()];
  let drawAnew = () => {};
  script.default({ element: box, props, trigger() {}, upload() {}, watch: (_, draw) => (drawAnew = draw) });
  let longest = 0;
  for (const value of values) {
    props.value = value;
    drawAnew();
    for (const one of box.querySelectorAll("details")) one.open = true;
    for (const node of box.querySelectorAll("*")) {
      made.add(node.localName);
      for (const { name } of node.attributes) if (/^(on|href|srcdoc|action|formaction)/.test(name)) made.add(`${node.localName}[${name}]`);
    }
    longest = Math.max(longest, box.textContent.length);
  }
  await new Promise((done) => setTimeout(done, 30));
  box.remove();
  return [[...made], longest, globalThis.__ran ?? null];
}"""
TAGS = (
    "article aside b button caption circle code dd details div dl dt em fieldset figcaption figure g h3 h4 h5 header i img input ins label "
    "legend li line ol optgroup option p path polyline pre progress q rect section select small span strong summary svg table tbody td "
    "text textarea tfoot th thead title tr ul"
)  # fmt: skip


@pytest.fixture(scope="module")
def looked_at(pages, server):
    """The demo's page, in which every component of this file draws in a place of its own."""
    with opened(pages, f"{server.url}/?mask=ours&tab=audit") as page:
        expect_audited(page)
        yield page


def expect_drawn_as_text(page, name, values):
    made, longest, ran = page.evaluate(DRAW, [name, values])
    assert ran is None
    assert set(made) - {*TAGS.split(), "a", "a[href]"} == set()
    assert longest > 0


@pytest.mark.parametrize("script", OF_SCRIPT)
def test_a_view_with_a_hostile_text_in_each_of_its_fields_is_drawn_as_text(looked_at, script):
    expect_drawn_as_text(looked_at, script, hostile_values(script))


def test_notices_and_what_a_link_asks_for_are_text(looked_at):
    values = [json.dumps({"level": "error", "text": text, "field": text}) for text in HOSTILE]
    expect_drawn_as_text(looked_at, "notice", values)
    expect_drawn_as_text(looked_at, "link_note", list(HOSTILE))


def test_the_picker_lists_hostile_rows_as_text(looked_at):
    found = [(i + 1, text, text) for i, text in enumerate(HOSTILE)]
    base = {
        "number": 1,
        "previous": None,
        "next": 2,
        "last": 9,
        "what": "row",
        "find": "x",
        "num_found": len(found),
    }
    expect_drawn_as_text(
        looked_at, "sample_picker", [json.dumps({**base, "found": found}), json.dumps({**base, "found": []})]
    )


FIND = """async (texts) => {
  const field = document.querySelector(".vtg-find-field");
  for (const text of texts) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  await new Promise((done) => setTimeout(done, 300));
  return globalThis.__ran ?? null;
}"""
SHOW_TOKENS = """async (texts) => {
  const [{ get, set }, { readTokens }] = await Promise.all([import("/scripts/store.js"), import("/scripts/tokens.js")]);
  const before = get("row");
  for (let from = 0; from < texts.length; from += 20) {
    const view = structuredClone(before.view);
    view.pieces = view.pieces.map((_, i) => texts[(from + i) % texts.length]);
    set("row", readTokens(view));
    for (let i = 0; i < 20; i += 1) set("hovered", i);
    set("selected", 5);
  }
  set("reason", texts[0]);
  const shown = document.querySelector(".vtg-flow").textContent.length;
  set("selected", null);
  set("reason", "");
  set("row", before);
  return [globalThis.__ran ?? null, shown];
}"""


def test_hostile_tokens_and_what_is_looked_for_among_them_are_text(looked_at):
    show(looked_at, "Tokens")
    looked_at.wait_for_selector(".vtg-flow .vtg-token")
    ran, shown = looked_at.evaluate(SHOW_TOKENS, list(HOSTILE))
    assert (ran, shown > 0) == (None, True)
    wanted = [
        *HOSTILE,
        *(f"/{text}/" for text in HOSTILE[:80]),
        *(f"is:{text[:20]}" for text in HOSTILE[:80]),
    ]
    assert looked_at.evaluate(FIND, wanted) is None
    assert looked_at.locator(".vtg-tokens-body :is(script, img, svg, iframe)").count() == 0
