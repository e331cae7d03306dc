"""The languages that prompts are written in, one file each; the English texts are in :mod:`vtg_core.templates`."""

from vtg_core.data.wording.languages.arabic import ARABIC
from vtg_core.data.wording.languages.chinese import CHINESE
from vtg_core.data.wording.languages.french import FRENCH
from vtg_core.data.wording.languages.german import GERMAN
from vtg_core.data.wording.languages.hindi import HINDI
from vtg_core.data.wording.languages.japanese import JAPANESE
from vtg_core.data.wording.languages.korean import KOREAN
from vtg_core.data.wording.languages.language import Language
from vtg_core.data.wording.languages.spanish import SPANISH

ENGLISH = Language(
    code="en",
    name="English",
    own_name="English",
    seconds=r"\bsec(?:ond)?s?\b",
    temporal_tokens_word="temporal token",
    common="the a of to is it this that and from with when which where for as you me your what its by following happen happens "
    "task input output sentence answer find reply",
    any_form='Find when "{query}" occurs in the video.\nAnswer with: {format}',
)

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        ENGLISH, CHINESE, JAPANESE, KOREAN, SPANISH, GERMAN, FRENCH, ARABIC, HINDI,
    )
}  # fmt: skip
"""Every language of the built-in templates by its code, English first."""


def language_of(words: str) -> Language | None:
    """Return the language of a prompt's words, without its query and its answer form; None where nothing is clear."""
    by_letters = [own for own in LANGUAGES.values() if own.letters and own.share_in(words) > 0.5]
    if by_letters:
        return max(by_letters, key=lambda own: bool(own.needed))  # kana stand among the letters of Chinese
    shares = {own: own.share_in(words) for own in LANGUAGES.values() if not own.letters}
    best = max(shares, key=lambda own: shares[own])
    return best if shares[best] >= 0.15 else None
