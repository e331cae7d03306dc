"""The prompts in French; the spaces within its quotation marks are those that people type."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        "À partir de la vidéo, indique le début et la fin, en secondes, du moment décrit par la phrase "
        "suivante : « {query} »\nRéponds sous la forme : [start_time, end_time]"
    ),
    "question": (
        "Dans quelle partie de cette vidéo se passe-t-il ceci : « {query} » ?"
        "\nRéponds par le début et la fin en secondes, sous la forme [start_time, end_time]."
    ),
    "task": (
        "Tâche : localisation temporelle.\n"
        "Entrée : une vidéo et une phrase.\n"
        "Sortie : l'intervalle où la phrase est vraie, en secondes, écrit [start_time, end_time].\n"
        "Phrase : « {query} »"
    ),
    "natural": (
        "Quelque part dans cette vidéo, on voit ceci : « {query} »."
        " Dis-moi de quand à quand, en secondes, comme ceci : [start_time, end_time]."
    ),
    "concise": (
        "Trouve quand « {query} » se produit dans la vidéo, en secondes.\nRéponse : [start_time, end_time]"
    ),
    "detailed": (
        "Regarde toute la vidéo avant de répondre. Cherche le moment qui correspond à « {query} »."
        " Note l'instant où il commence et celui où il se termine, tous deux comptés en secondes depuis "
        "la première image et donnés avec une décimale. N'écris que ces deux nombres entre crochets, "
        "le plus petit d'abord : [start_time, end_time]"
    ),
    "academic": (
        "Effectue une localisation de moments dans la vidéo non montée fournie."
        " Pour la description en langage naturel « {query} », prédis les bornes temporelles du segment "
        "correspondant en secondes, au format [start_time, end_time]."
    ),
    "conversational": (
        "Salut, tu peux m'aider avec cette vidéo ? Je cherche le passage où « {query} »."
        " Quand est-ce que ça commence et quand est-ce que ça finit ?"
        " Donne-moi juste les secondes sous la forme [start_time, end_time], merci !"
    ),
}

_TEMPORAL_TOKENS = {
    "direct": (
        "À partir de la vidéo, marque avec des jetons temporels le moment décrit par la phrase suivante "
        ": « {query} »\nRéponds sous la forme : <|box_start|><start><end><|box_end|>"
    ),
    "question": (
        "Entre quels jetons temporels de cette vidéo se passe-t-il ceci : « {query} » ?"
        "\nRéponds par <|box_start|><start><end><|box_end|>."
    ),
    "task": (
        "Tâche : localisation temporelle avec des jetons temporels."
        "\nEntrée : une vidéo et une phrase.\n"
        "Sortie : l'intervalle où la phrase est vraie, écrit <|box_start|><start><end><|box_end|>.\n"
        "Phrase : « {query} »"
    ),
    "natural": (
        "Quelque part dans cette vidéo, on voit ceci : « {query} »."
        " Dis-moi d'où à où avec des jetons temporels, comme ceci : <|box_start|><start><end><|box_end|>."
    ),
    "concise": (
        "Trouve quand « {query} » se produit dans la vidéo.\n"
        "Réponds avec des jetons temporels : <|box_start|><start><end><|box_end|>"
    ),
    "detailed": (
        "Regarde toute la vidéo avant de répondre. Cherche le moment qui correspond à « {query} »."
        " La vidéo est divisée en parties égales, chacune avec son propre jeton ; choisis parmi ces "
        "jetons temporels celui de la partie où le moment commence et celui de la partie où il se termine."
        " N'écris que ces deux-là, le plus petit d'abord, entre les marques de boîte : <|box_start|><start><end><|box_end|>"
    ),
    "academic": (
        "Effectue une localisation de moments dans la vidéo non montée fournie."
        " Pour la description en langage naturel « {query} », prédis les bornes du segment correspondant "
        "sous forme de jetons temporels discrets, au format <|box_start|><start><end><|box_end|>."
    ),
    "conversational": (
        "Salut, tu peux m'aider avec cette vidéo ? Je cherche le passage où « {query} »."
        " Où est-ce que ça commence et où est-ce que ça finit ?"
        " Donne-moi juste les jetons temporels sous la forme <|box_start|><start><end><|box_end|>, merci !"
    ),
}

FRENCH = Language(
    code="fr",
    name="French",
    own_name="français",
    seconds=r"\bsecondes\b",
    temporal_tokens_word="jetons temporels",
    common="le la les un une des du de en et dans cette vidéo quand où est que avec sous la forme réponds réponse phrase ceci moi pour à au par ce se tâche sortie trouve avec l d",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form="Trouve quand « {query} » se produit dans la vidéo.\nRéponse : {format}",
)
