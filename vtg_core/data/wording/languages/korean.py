"""The prompts in Korean."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        '영상을 보고 다음 문장이 설명하는 순간의 시작 시각과 끝 시각을 초 단위로 찾아 주세요: "{query}"\n'
        "다음 형식으로 답해 주세요: [start_time, end_time]"
    ),
    "question": (
        '이 영상의 어느 구간에서 다음 일이 일어나나요: "{query}"?\n'
        "첫 시점과 마지막 시점을 초 단위로 [start_time, end_time] 형식에 맞춰 답해 주세요."
    ),
    "task": (
        "과제: 영상 속 시간 구간 찾기\n입력: 영상 하나와 문장 하나\n"
        "출력: 문장이 참인 구간을 초 단위로 [start_time, end_time]와 같이 쓴 것\n"
        '문장: "{query}"'
    ),
    "natural": '이 영상 어딘가에 이런 장면이 나옵니다: "{query}". 몇 초부터 몇 초까지인지 이렇게 알려 주세요: [start_time, end_time].',
    "concise": (
        '영상에서 "{query}" 장면이 나오는 시간을 초 단위로 찾으세요.\n답 형식: [start_time, end_time]'
    ),
    "detailed": (
        '답하기 전에 영상을 끝까지 보세요. "{query}"에 해당하는 순간을 찾아 시작하는 시각과 끝나는 시각을 확인하세요.'
        " 두 시각 모두 첫 프레임부터 초 단위로 세고 소수점 아래 한 자리까지 적습니다. 대괄호 안에 이 두 수만, 이른 것을 먼저 쓰고 다른 말은 쓰지 마세요: [start_time, end_time]"
    ),
    "academic": '주어진 편집되지 않은 영상에 대해 순간 위치 추정을 수행하시오. 자연어 설명 "{query}"에 해당하는 구간의 시간 경계를 초 단위로 예측하고 [start_time, end_time] 형식으로 나타내시오.',
    "conversational": (
        '안녕, 이 영상 좀 같이 봐 줄래? "{query}" 부분을 찾고 있어. 언제 시작해서 언제 끝나?'
        " 초 단위로 [start_time, end_time]처럼만 알려 줘, 고마워!"
    ),
}

_TEMPORAL_TOKENS = {
    "direct": (
        '영상을 보고 다음 문장이 설명하는 순간을 시간 토큰으로 표시해 주세요: "{query}"\n'
        "다음 형식으로 답해 주세요: <|box_start|><start><end><|box_end|>"
    ),
    "question": (
        '이 영상의 어느 두 시간 토큰 사이에서 다음 일이 일어나나요: "{query}"?\n'
        "<|box_start|><start><end><|box_end|> 형식으로 답해 주세요."
    ),
    "task": (
        "과제: 시간 토큰으로 영상 속 시간 구간 찾기\n입력: 영상 하나와 문장 하나\n"
        "출력: 문장이 참인 구간을 <|box_start|><start><end><|box_end|>와 같이 쓴 것\n"
        '문장: "{query}"'
    ),
    "natural": '이 영상 어딘가에 이런 장면이 나옵니다: "{query}". 어디부터 어디까지인지 시간 토큰으로 이렇게 알려 주세요: <|box_start|><start><end><|box_end|>.',
    "concise": (
        '영상에서 "{query}" 장면이 나오는 시간을 찾으세요.\n'
        "시간 토큰으로 답하세요: <|box_start|><start><end><|box_end|>"
    ),
    "detailed": (
        '답하기 전에 영상을 끝까지 보세요. "{query}"에 해당하는 순간을 찾으세요. 영상은 길이가 같은 여러 부분으로 나뉘고 부분마다 시간 토큰이 있습니다.'
        " 순간이 시작하는 부분의 토큰과 끝나는 부분의 토큰을 고르세요. 박스 표시 사이에 이 둘만, 이른 것을 먼저 쓰고 다른 말은 쓰지 마세요: <|box_start|><start><end><|box_end|>"
    ),
    "academic": '주어진 편집되지 않은 영상에 대해 순간 위치 추정을 수행하시오. 자연어 설명 "{query}"에 해당하는 구간의 시간 경계를 이산적인 시간 토큰으로 예측하고 <|box_start|><start><end><|box_end|> 형식으로 나타내시오.',
    "conversational": (
        '안녕, 이 영상 좀 같이 봐 줄래? "{query}" 부분을 찾고 있어. 어디서 시작해서 어디서 끝나?'
        " 시간 토큰으로 <|box_start|><start><end><|box_end|>처럼만 알려 줘, 고마워!"
    ),
}

KOREAN = Language(
    code="ko",
    name="Korean",
    own_name="한국어",
    seconds=r"초 ?단위|몇 초",
    temporal_tokens_word="시간 토큰",
    letters=r"[\uac00-\ud7af]",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form='영상에서 "{query}" 장면이 나오는 시간을 찾으세요.\n답 형식: {format}',
)
