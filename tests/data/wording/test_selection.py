import re

import pytest

from vtg_core.data.wording.selection import language_weights
from vtg_core.errors import TemplateError
from vtg_core.templates import PromptTemplate, TemplateSelector, told_apart


def languages_of(selector, count=1000):
    return [selector.select(i).language for i in range(count)]


@pytest.mark.parametrize(
    "given", ["en=3,zh=1", " en = 3 , zh", ["en=3", "zh"], {"en": 3, "zh": 1}, {"en": 0.75, "zh": 0.25}]
)
def test_weights_are_said_as_text_or_as_numbers_and_sum_to_one(given):
    assert language_weights(given) == {"en": 0.75, "zh": 0.25}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "each once, got ''"),
        ([], "at least one language"),
        ("en,en", "each once, got 'en'"),
        ("en=0", "the weight of language 'en' must be a number above 0, got 0.0"),
        ("en=x", "must be a number above 0, got nan"),
        ({"en": float("inf")}, "must be a number above 0, got inf"),
    ],
)
def test_languages_that_cannot_be_chosen_among_are_refused(given, message):
    with pytest.raises(TemplateError, match=re.escape(message)):
        language_weights(given)


def test_a_selector_speaks_one_language():
    assert set(languages_of(TemplateSelector(seed=7, language="ko"), 20)) == {"ko"}
    assert TemplateSelector(random_selection=False, language="de").get_template().startswith("Nenne")


def test_without_a_language_the_choice_is_what_it_always_was():
    plain, english = TemplateSelector(seed=7), TemplateSelector(seed=7, language="en")
    assert [plain.select(i) for i in range(50)] == [english.select(i) for i in range(50)]


def test_mixed_languages_come_as_often_as_their_weights_say():
    spoken = languages_of(TemplateSelector(seed=0, language={"en": 3, "zh": 1}))
    assert 700 < spoken.count("en") < 800
    assert spoken.count("en") + spoken.count("zh") == 1000


def test_with_a_seed_the_language_depends_on_seed_and_index_alone():
    first, again = (TemplateSelector(seed=3, language="en,zh,ar") for _ in range(2))
    chosen = [first.select(i) for i in range(20)]
    assert [again.select(i) for i in reversed(range(20))] == chosen[::-1]
    assert len({template.language for template in chosen}) == 3


def test_without_a_seed_languages_vary():
    assert set(languages_of(TemplateSelector(language="en,zh"), 200)) == {"en", "zh"}


def test_templates_of_ones_own_are_chosen_by_language():
    own = [PromptTemplate("a", "custom", "standard", "Bul: {query}", "tr")]
    assert TemplateSelector(templates=own, language="tr").select(0).text == "Bul: {query}"
    with pytest.raises(TemplateError, match="must hold one in language 'en', got those in tr"):
        TemplateSelector(templates=own, language="en")


def test_other_answer_forms_have_languages_too():
    selector = TemplateSelector(answer_form="percent_brackets", language="fr")
    assert selector.get_template().endswith("Réponse : [start%, end%]")


def test_templates_side_by_side_have_their_language_in_the_name():
    english, german = TemplateSelector().templates[0], TemplateSelector(language="de").templates[0]
    assert [t.name for t in told_apart([english, german])] == ["direct_en", "direct_de"]
    assert [t.name for t in told_apart([german])] == ["direct"]
