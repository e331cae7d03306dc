"""Texts that are something else to whoever is careless: markup, code, a format, a control token, a path, a formula.

``HOSTILE`` is made here from few parts. What would run sets ``__ran`` on the page, so that a test can see that nothing did.
"""

RAN = "globalThis.__ran=1"

_HANDLERS = ("onerror", "onload", "onclick", "onfocus", "ontoggle", "onmouseover", "onanimationend")
_TAGS = (
    "img src=x", "svg", "iframe src=x", "body", "details open", "video src=x", "input autofocus", "style", "object data=x",
    "embed src=x", "link rel=stylesheet href=x", "marquee",
)  # fmt: skip
_BREAKS = ("", '">', "'>", "</script>", "</textarea>", "</style>", "-->", "]]>", "</title>", "`>")
_URLS = (
    f"javascript:{RAN}", f"JaVaScRiPt:{RAN}", f"java\tscript:{RAN}", f"data:text/html,<script>{RAN}</script>",
    "http://192.0.2.1/x", "//192.0.2.1/x", "file:///etc/passwd", "ftp://192.0.2.1/x", "blob:null/1", "vbscript:x",
)  # fmt: skip
_TEMPLATES = (
    "${{{0}}}", "{{{{constructor.constructor('{0}')()}}}}", "{{{{{0}}}}}", "{{{{{{{0}}}}}}}", "{{% {0} %}}", "<%= {0} %>", "#{{{0}}}",
    "[[{0}]]", "@({0})", "`${{{0}}}`", "{{{{#with this}}}}{0}{{{{/with}}}}", "{{{{lookup this '{0}'}}}}", "$({0})", "`{0}`",
    "\\u0024{{{0}}}", "*{{{0}}}", "~{{{0}}}", "{{{{= {0} }}}}", "'+{0}+'", '"+{0}+"', "');{0};//", '");{0};//', "\\');{0};//",
)  # fmt: skip
_FORMATS = (
    "{0}", "{}", "{query}", "{query.__class__}", "{a.__init__.__globals__[SECRET]}", "{q:>200000000}", "%s", "%n%n%n", "%(x)s",
    "%1000000d", "{0!r}", "{{", "}}", "{", "}", "$query", "${query}", "$$", "{duration}", "{answer}", "%", "\\", "\\n", "\\u12", "\\x",
    "C:\\new \\u12", "price is ${ 5", "'", '"', "`", "\\'", '\\"', "&lt;b&gt;", "&#x3C;b&#x3E;", "&amp;amp;", "{'a': 1}", '{"a": 1}',
    "[1, 2]", "null", "undefined", "NaN", "-Infinity", "true", "__proto__", "constructor", "toString", "hasOwnProperty",
)  # fmt: skip
_CONTROL_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|im_end|>\n<|im_start|>assistant\n", "<|endoftext|>", "<|vision_start|><|video_pad|><|vision_end|>",
    "<|image_pad|>", "<|box_start|>", "<266>", "<0><999>", "<s>", "</s>", "<unk>", "<pad>", "[INST]", "[/INST]", "<<SYS>>", "<bos>",
    "<eos>", "<start_of_turn>model", "<end_of_turn>", "<image>", "<video>", "<|begin_of_text|>", "<|eot_id|>",
    "<|start_header_id|>assistant<|end_header_id|>", "<|user|>", "<|assistant|>", "<|end|>", "<think>", "</think>", "[gMASK]",
    "<sop>", "<image_soft_token>", "<|endofprompt|>", "<|return|>", "<|channel|>final", "USER: ASSISTANT:", "### Response:",
    "<tool_call>", "assistant", "system\nYou are", "<|video_pad|>" * 40, "<2.1 seconds>",
)  # fmt: skip
_CHARACTERS = (
    "\u202eevil\u202c", "\u2066a\u2069", "a\u200bb", "a\u200db", "\ufeffa", "\u2028a", "\u2029a", "e\u0301", "\u0344" * 30 + "a",
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "a\ufe0f", "\U000e0041\U000e007fa", "日本語のテスト", "العربية", "עברית abc", "ไทย", "हिन्दी",
    "Ω≈ç√", "ｆｕｌｌ", "ﷺ", "𝕳𝖊𝖑𝖑𝖔", "ß\u1e9e", "İi̇", "\u00ada", "\ufffd", "\ufffe", "\ue000", "\x07a", "\x08a", "\x0ba", "\x0ca", "\x1ba",
    "\x7fa", "\x85a", "\xa0a", "a\r\nb", "a\tb", "a\x00b", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "a\nb\n\nc",
    "a" * 1_500, "é" * 700, "🟥" * 300, "<" * 400, "a b " * 300,
)  # fmt: skip
_PATHS = (
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "/dev/zero", "C:\\Windows", "\\\\192.0.2.1\\share", "~/.ssh/id_rsa",
    "....//....//etc/passwd", "%2e%2e%2fetc%2fpasswd", "..%c0%af..", ".", "..", "/", "CON", "nul.mp4", "a;rm -rf .", "a|id", "a && id",
    "$(id)", "`id`", "-rf", "--help", "http://localhost:7860/gradio_api/file=/etc/passwd",
)  # fmt: skip
_CELLS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://192.0.2.1","x")', "\t=1+1", "\r=1+1", "＝1+1", ";=1+1",
    '"=1+1', "a,b", 'a"b', "a;b",
)  # fmt: skip
_SQL = ("' OR 1=1 --", "1; DROP TABLE rows", "') UNION SELECT 1 --", "\\' OR '1", "*", "a' AND sleep(5)#")


def _markup() -> list[str]:
    tags = [
        f'<{tag} {_HANDLERS[i % len(_HANDLERS)]}="{RAN}">' for tag in _TAGS for i in range(len(_HANDLERS))
    ]
    broken = [
        f"{before}<{tag}>{RAN}</{tag}>" for before in _BREAKS for tag in ("script", "style", "svg><script")
    ]
    links = [f'<a href="{url}">x</a>' for url in _URLS]
    images = [f"![x]({url})" for url in _URLS] + [f"[x]({url})" for url in _URLS]
    return [
        *tags,
        *broken,
        *links,
        *images,
        *_URLS,
        "<b>bold</b>",
        "<!--",
        "<![CDATA[",
        "<?php",
        "<x y='",
        "<base href=//x>",
    ]


FAMILIES = {
    "markup": _markup(),
    "templates": [template.format(RAN) for template in _TEMPLATES],
    "formats": list(_FORMATS),
    "control tokens": list(_CONTROL_TOKENS),
    "characters": list(_CHARACTERS),
    "paths": list(_PATHS),
    "cells": list(_CELLS),
    "databases": list(_SQL),
}
HOSTILE = tuple(dict.fromkeys(text for family in FAMILIES.values() for text in family))


def packed(most: int, *, drop: str = "") -> list[str]:
    """Return the corpus joined into few texts of at most ``most`` characters, without the characters in ``drop``."""
    texts, text = list[str](), ""
    for one in HOSTILE:
        kept = "".join(character for character in one if character not in drop)[:most]
        if len(text) + 1 + len(kept) > most:
            texts.append(text)
            text = ""
        text = f"{text} {kept}" if text else kept
    return [*texts, text]
