"""The prompts in Spanish."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        "A partir del vídeo, indica el momento de inicio y el de fin, en segundos, de la escena que "
        "describe esta frase: «{query}»\n"
        "Responde con este formato: [start_time, end_time]"
    ),
    "question": (
        "¿En qué parte de este vídeo ocurre lo siguiente: «{query}»?"
        "\nResponde con el inicio y el fin en segundos, así: [start_time, end_time]."
    ),
    "task": (
        "Tarea: localización temporal.\nEntrada: un vídeo y una frase."
        "\nSalida: el intervalo en el que la frase se cumple, en segundos, escrito [start_time, end_time].\n"
        "Frase: «{query}»"
    ),
    "natural": (
        "En algún punto de este vídeo se ve esto: «{query}»."
        " Dime desde cuándo hasta cuándo, en segundos, de esta manera: [start_time, end_time]."
    ),
    "concise": (
        "Busca cuándo ocurre «{query}» en el vídeo, en segundos.\nResponde así: [start_time, end_time]"
    ),
    "detailed": (
        "Mira el vídeo entero antes de responder. Busca el momento que corresponde a «{query}»."
        " Anota cuándo empieza y cuándo termina, ambos contados en segundos desde el primer fotograma "
        "y con un decimal. Escribe solamente esos dos números entre corchetes, primero el más temprano: [start_time, end_time]"
    ),
    "academic": (
        "Realiza la localización de momentos en el vídeo sin editar que se proporciona."
        " Para la descripción en lenguaje natural «{query}», predice los límites temporales del segmento "
        "correspondiente en segundos, con el formato [start_time, end_time]."
    ),
    "conversational": (
        "Hola, ¿me ayudas con este vídeo? Busco el trozo de «{query}»."
        " ¿Cuándo empieza y cuándo acaba? Dame solo los segundos, así: [start_time, end_time]. ¡Gracias!"
    ),
}

_TEMPORAL_TOKENS = {
    "direct": (
        "A partir del vídeo, marca con tokens temporales la escena que describe esta frase: «{query}»\n"
        "Responde con este formato: <|box_start|><start><end><|box_end|>"
    ),
    "question": (
        "¿Entre qué dos tokens temporales de este vídeo ocurre lo siguiente: «{query}»?"
        "\nResponde con <|box_start|><start><end><|box_end|>."
    ),
    "task": (
        "Tarea: localización temporal con tokens temporales."
        "\nEntrada: un vídeo y una frase.\n"
        "Salida: el intervalo en el que la frase se cumple, escrito <|box_start|><start><end><|box_end|>.\n"
        "Frase: «{query}»"
    ),
    "natural": (
        "En algún punto de este vídeo se ve esto: «{query}»."
        " Dime desde dónde hasta dónde con tokens temporales, de esta manera: <|box_start|><start><end><|box_end|>."
    ),
    "concise": (
        "Busca cuándo ocurre «{query}» en el vídeo.\n"
        "Responde con tokens temporales: <|box_start|><start><end><|box_end|>"
    ),
    "detailed": (
        "Mira el vídeo entero antes de responder. Busca el momento que corresponde a «{query}»."
        " El vídeo está dividido en partes iguales, y cada una tiene su propio token; elige entre estos "
        "tokens temporales el de la parte en la que el momento empieza y el de la parte en la que termina."
        " Escribe solamente esos dos, primero el más temprano, entre las marcas de caja: <|box_start|><start><end><|box_end|>"
    ),
    "academic": (
        "Realiza la localización de momentos en el vídeo sin editar que se proporciona."
        " Para la descripción en lenguaje natural «{query}», predice los límites del segmento correspondiente "
        "como tokens temporales discretos, con el formato <|box_start|><start><end><|box_end|>."
    ),
    "conversational": (
        "Hola, ¿me ayudas con este vídeo? Busco el trozo de «{query}»."
        " ¿Dónde empieza y dónde acaba? Dame solo los tokens temporales, así: <|box_start|><start><end><|box_end|>. ¡Gracias!"
    ),
}

SPANISH = Language(
    code="es",
    name="Spanish",
    own_name="español",
    seconds=r"\bsegundos\b",
    temporal_tokens_word="tokens temporales",
    common="el la los las un una en de del con que y este esta vídeo video cuándo dónde responde así frase desde hasta para qué ocurre lo tarea entrada salida busca se",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form="Busca cuándo ocurre «{query}» en el vídeo.\nResponde así: {format}",
)
