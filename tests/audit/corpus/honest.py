"""Collators without fault: other words, other frames, other batches than ours."""

from tests.audit.corpus.entries import SECONDS, TOKENS, Setting, honest
from tests.audit.corpus.parts import Recipe, words

ENTRIES = (
    honest("own words", "the sample's own prompt and answer", Recipe()),
    honest("own words, left", "the same, padded on the left", Recipe(side="left")),
    honest("temporal tokens", "the answer in temporal tokens", Recipe(), setting=TOKENS),
    honest("seconds per grid", "Qwen2.5-VL's classes, which count seconds per grid", Recipe(), setting=SECONDS),
    honest("another prompt", "the query in another instruction", Recipe(messages=words("Say when this happens: {query}"))),
    honest("two windows", "several windows in one answer", Recipe(), setting=Setting(rows="windows")),
    honest("forty rows, left", "forty rows of seven lengths, padded on the left", Recipe(side="left"), setting=Setting(rows="forty")),
    honest("emoji", "a query of emoji that take several tokens", Recipe(), setting=Setting(rows="emoji")),
    honest("Chinese and Japanese", "queries without spaces", Recipe(), setting=Setting(rows="chinese")),
    honest("several turns", "two questions and two answers in one conversation", Recipe(), setting=Setting(rows="talk")),
)  # fmt: skip
