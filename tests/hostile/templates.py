"""Chat templates that never end, that grow, or that reach for what is not theirs."""

from collections.abc import Iterator
from pathlib import Path

TEMPLATES = {
    "nested": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "doubling": "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "constant": "{{ 'x' * 10 ** 10 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "list": "{{ [0] * 10 ** 10 }}",
    "padded": "{{ '%10000000000d' % 1 }}",
    "centred": "{{ 'x' | center(10 ** 10) }}",
    "replaced": "{% set n = namespace(s='x') %}{% for i in range(40) %}{% set n.s = n.s | replace('x', 'xxxx') %}{% endfor %}{{ n.s }}",
    "joined": "{{ range(99999) | list * 99999 | join }}",
    "endless": "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "deep": "{% if true %}" * 3_000 + "x" + "{% endif %}" * 3_000,
    "brackets": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ messages.append.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('touch ran').read() }}",
    "lipsum": "{{ lipsum.__globals__['os'].system('touch ran') }}",
    "raises": "{{ raise_exception('no') }}",
    "undefined": "{{ nothing.at.all }}",
    "broken": "{% for %}",
    "includes": "{% include '/etc/passwd' %}",
    "imports": "{% import 'os' as os %}{{ os.system('touch ran') }}",
    "empties": "",
    "drops": "hello",
    "repeats": "{% for m in messages %}{{ m.content[0].text }}{{ m.content[0].text }}{% endfor %}",
    "changes": "{% for m in messages %}{{ m.content[0].text | upper }}{% endfor %}",
    "long": "{{ messages[0].content[0].text * 3000000 }}",
    "regular": "{{ ('a' * 40) | wordwrap(1) | length }}",
}


def write_templates(folder: Path) -> Iterator[Path]:
    """Write each template into a file, and yield it."""
    for name, text in TEMPLATES.items():
        (folder / f"{name}.jinja").write_text(text, encoding="utf-8")
        yield folder / f"{name}.jinja"
