"""The prompts in German."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        "Nenne anhand des Videos Anfang und Ende des Moments, den der folgende Satz beschreibt, in Sekunden: "
        "„{query}“\nAntworte in dieser Form: [start_time, end_time]"
    ),
    "question": (
        "In welchem Teil dieses Videos geschieht Folgendes: „{query}“?"
        "\nAntworte mit der ersten und der letzten Sekunde als [start_time, end_time]."
    ),
    "task": (
        "Aufgabe: zeitliche Lokalisierung.\n"
        "Eingabe: ein Video und ein Satz.\n"
        "Ausgabe: das Zeitfenster, in dem der Satz zutrifft, in Sekunden, geschrieben [start_time, end_time].\n"
        "Satz: „{query}“"
    ),
    "natural": (
        "Irgendwo in diesem Video ist Folgendes zu sehen: „{query}“."
        " Sag mir in Sekunden, von wann bis wann, und zwar so: [start_time, end_time]."
    ),
    "concise": ("Finde, wann „{query}“ im Video vorkommt (in Sekunden).\nAntwort: [start_time, end_time]"),
    "detailed": (
        "Sieh dir das ganze Video an, bevor du antwortest. Suche den Moment, zu dem „{query}“ passt."
        " Halte fest, wann er beginnt und wann er vorbei ist, beides in Sekunden ab dem ersten Bild "
        "gezählt und mit einer Nachkommastelle. Schreibe nur diese beiden Zahlen in eckigen Klammern, "
        "die frühere zuerst: [start_time, end_time]"
    ),
    "academic": (
        "Führe auf dem gegebenen ungeschnittenen Video eine Moment-Lokalisierung durch."
        " Sage für die natürlichsprachliche Beschreibung „{query}“ die zeitlichen Grenzen des zugehörigen "
        "Segments in Sekunden voraus, im Format [start_time, end_time]."
    ),
    "conversational": (
        "Hey, kannst du mir mit diesem Video helfen? Ich suche die Stelle mit „{query}“."
        " Wann fängt sie an und wann ist sie vorbei? Gib mir einfach die Sekunden als [start_time, end_time], danke!"
    ),
}

_TEMPORAL_TOKENS = {
    "direct": (
        "Markiere anhand des Videos mit Zeit-Token den Moment, den der folgende Satz beschreibt: „{query}“\n"
        "Antworte in dieser Form: <|box_start|><start><end><|box_end|>"
    ),
    "question": (
        "Zwischen welchen zwei Zeit-Token dieses Videos geschieht Folgendes: „{query}“?"
        "\nAntworte mit <|box_start|><start><end><|box_end|>."
    ),
    "task": (
        "Aufgabe: zeitliche Lokalisierung mit Zeit-Token.\n"
        "Eingabe: ein Video und ein Satz.\n"
        "Ausgabe: das Zeitfenster, in dem der Satz zutrifft, geschrieben <|box_start|><start><end><|box_end|>.\n"
        "Satz: „{query}“"
    ),
    "natural": (
        "Irgendwo in diesem Video ist Folgendes zu sehen: „{query}“."
        " Sag mir mit Zeit-Token, von wo bis wo, und zwar so: <|box_start|><start><end><|box_end|>."
    ),
    "concise": (
        "Finde, wann „{query}“ im Video vorkommt.\n"
        "Antworte mit Zeit-Token: <|box_start|><start><end><|box_end|>"
    ),
    "detailed": (
        "Sieh dir das ganze Video an, bevor du antwortest. Suche den Moment, zu dem „{query}“ passt."
        " Das Video ist in gleich lange Teile geteilt, jeder mit seinem eigenen Zeit-Token."
        " Wähle das Token des Teils, in dem der Moment beginnt, und das Token des Teils, in dem er vorbei "
        "ist. Schreibe nur diese beiden, das frühere zuerst, zwischen die Box-Markierungen: <|box_start|><start><end><|box_end|>"
    ),
    "academic": (
        "Führe auf dem gegebenen ungeschnittenen Video eine Moment-Lokalisierung durch."
        " Sage für die natürlichsprachliche Beschreibung „{query}“ die zeitlichen Grenzen des zugehörigen "
        "Segments als diskrete Zeit-Token voraus, im Format <|box_start|><start><end><|box_end|>."
    ),
    "conversational": (
        "Hey, kannst du mir mit diesem Video helfen? Ich suche die Stelle mit „{query}“."
        " Wo fängt sie an und wo ist sie vorbei? Gib mir einfach die Zeit-Token als <|box_start|><start><end><|box_end|>, danke!"
    ),
}

GERMAN = Language(
    code="de",
    name="German",
    own_name="Deutsch",
    seconds=r"\bSekunden?\b",
    temporal_tokens_word="Zeit-Token",
    common="der die das den dem des ein eine und in im mit ist wann von bis als antworte antwort satz mir du nur finde welchem dieses teil folgendes zwischen welchen geschieht so aufgabe eingabe ausgabe",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form="Finde, wann „{query}“ im Video vorkommt.\nAntwort: {format}",
)
