"""A language that prompts are written in: the built-in texts, and how words of it are known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Language:
    """A language, with the built-in templates in it.

    Attributes:
        code: how people choose it (ISO 639-1).
        name, own_name: how it is called in English, and by those who speak it.
        is_right_to_left: which way its text runs.
        seconds: a regular expression that finds the unit of a standard answer in its words.
        temporal_tokens_word: how it calls the temporal tokens of an answer.
        letters: a character class of its own letters; empty where other languages have the same ones.
        needed: a character class of which at least one letter must stand in a text; empty where ``letters`` tells.
        common: words, parted by spaces, of which a prompt has some; of a language without letters of its own.
        standard, temporal_tokens: from the name of each of the eight templates to its words.
        any_form: the one template of any other answer form; ``{format}`` stands for the form's own words.
    """

    code: str
    name: str
    own_name: str
    seconds: str
    temporal_tokens_word: str
    any_form: str
    letters: str = ""
    needed: str = ""
    common: str = ""
    standard: Mapping[str, str] = field(default_factory=dict, repr=False)
    temporal_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_right_to_left: bool = False

    def share_in(self, words: str) -> float:
        """Return which share of words is this language's, from 0 to 1: of their letters, or of the words themselves.

        Languages without letters of their own have words in common, so that only the largest share says something.
        """
        letters = [character for character in words if character.isalpha()]
        if not letters or (self.needed and not re.search(self.needed, words)):
            return 0.0
        if self.letters:
            return sum(re.fullmatch(self.letters, letter) is not None for letter in letters) / len(letters)
        found, common = re.findall(r"[^\W\d_]+", words.lower()), set(self.common.split())
        return sum(word in common for word in found) / len(found) if found else 0.0
