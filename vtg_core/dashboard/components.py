"""Our own components: a constant template, and a script that writes text and nothing else.

A component's value is one JSON string. Its template holds no placeholder, because Gradio evaluates what a
template's placeholders are filled with.
"""

from typing import Any

import gradio as gr

from vtg_core.files.assets import asset_folder


def script_component(name: str, *, elem_id: str, value: str = "", label: str = "") -> gr.HTML:
    """Return the component that ``assets/<name>.js`` draws into an empty element.

    Args:
        name: of the script. It sees ``element``, ``props.value`` and ``watch``.
        elem_id: the element's id in the page.
        value: the first value, a JSON string.
        label: what a screen reader calls it.
    """
    shared, own = ((asset_folder() / f"{part}.js").read_text(encoding="utf-8") for part in ("shared", name))
    options: dict[str, Any] = {
        "html_template": f'<div class="vtg-{name.replace("_", "-")}"></div>',
        "css_template": "",
    }
    return gr.HTML(
        value, elem_id=elem_id, label=label, js_on_load=f"{shared}\n{own}", apply_default_css=False, **options
    )
