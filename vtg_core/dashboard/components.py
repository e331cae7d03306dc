"""Our own components: a constant template, and a script that writes text and nothing else.

A component's value is one JSON string. Its template holds no placeholder, because Gradio evaluates what a
template's placeholders are filled with.

The scripts are JavaScript modules, which the browser asks this machine for. So the page loads once what several of them
import, and there is one store between them.
"""

from typing import Any

import gradio as gr

SCRIPTS = "/scripts"
"""Under this path of the page's own address the scripts of ``assets/`` are served."""
REPORT = f"{SCRIPTS}/report.html"
"""Under this one the report that a script of the page fills in with what is on screen."""


def script_component(
    name: str,
    *,
    elem_id: str,
    value: str = "",
    label: str = "",
    events: tuple[str, ...] = (),
    **given: str,
) -> gr.HTML:
    """Return the component that ``assets/<name>.js`` draws into an empty element.

    Args:
        name: of the script. Its default export is called with ``element``, ``props``, ``trigger``, ``upload`` and
            ``watch``, once the element is in the page.
        elem_id: the element's id in the page.
        value: the first value, a JSON string.
        label: what a screen reader calls it.
        given: what else the script finds in ``props``, by name; it stays as it is.
        events: what the script triggers. Gradio offers only those whose quoted names it finds in the text that it runs.
    """
    options: dict[str, Any] = {
        **given,
        "html_template": f'<div class="vtg-{name.replace("_", "-")}"></div>',
        "css_template": "",
    }
    triggered = "".join(f'"{event}"; ' for event in events)
    start = f"{triggered}{imported(name)}.then((script) => script.default({{ element, props, trigger, upload, watch }}));"
    return gr.HTML(value, elem_id=elem_id, label=label, js_on_load=start, apply_default_css=False, **options)


def imported(name: str) -> str:
    """Return the JavaScript expression that loads ``assets/<name>.js``: a promise of what it exports."""
    return f'import(`${{globalThis.gradio_config?.root ?? ""}}{SCRIPTS}/{name}.js`)'
